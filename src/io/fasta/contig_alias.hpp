// Contig names that differ between files only by convention.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

namespace regkit {

// What other conventions call a contig: chr1 for 1 and the reverse, chrM for MT and M.
std::vector<std::string> other_conventions(const std::string& contig);

// Names in the inputs that stand for other names in the reference (--alias).
class ContigAlias {
  public:
    ContigAlias() = default;
    // "ucsc": names of UCSC and Ensembl are the same. Otherwise a file of two tab-separated columns: the name
    // in the inputs, the name in the reference; '#' starts a comment. Error(input) for a malformed line or a
    // name given twice.
    explicit ContigAlias(const std::string& rule);

    // The names to look up, best first.
    std::vector<std::string> candidates(const std::string& contig) const;

    // What the file calls the contig; nullptr where it has no line about it.
    const std::string* named(const std::string& contig) const;
    const std::string& file() const { return file_; }  // empty for a rule

  private:
    std::string file_;
    bool conventions_ = false;
    std::unordered_map<std::string, std::string> names_;
};

}  // namespace regkit
