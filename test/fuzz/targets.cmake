# A file of this folder each, which defines fuzz_one.
set(FUZZ_TARGETS
  alias bigwig dataset fai fasta_file fasta_stream gzi intervals meme model part region regions_bed safetensors sheet spec vcf)
