// What the targets of FASTA files and their indexes do with one that opened.
#pragma once

#include <string>

// Reads around the ends of contigs and in their middle; counts what a scan passes.
void use_fasta(const std::string& path);
