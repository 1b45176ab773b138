// Contig names of other files to the numbers of a FASTA's contigs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/fasta/contig_alias.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

// Files mostly name one contig many times in a row.
class ContigFinder {
  public:
    ContigFinder(const FastaFile& fasta, const ContigAlias& alias) : fasta_(fasta), alias_(alias) {}

    // -1 when neither the name nor an alias is in the FASTA.
    std::int32_t find(std::string_view name) {
        if (name == last_) return number_;
        last_.assign(name);
        number_ = -1;
        for (const std::string& candidate : alias_.candidates(last_))
            if ((number_ = fasta_.find(candidate)) >= 0) break;
        return number_;
    }

    // Whether only the convention differs; such a file would be lost in silence.
    bool differs_by_convention() const {
        for (const std::string& other : other_conventions(last_))
            if (fasta_.find(other) >= 0) return true;
        return false;
    }

    // Error(mismatch) "where: why" about the last name; `remedy` is for a contig that the FASTA lacks under
    // every name.
    [[noreturn]] void fail(const std::string& where, const std::string& remedy) const {
        if (const std::string* alias = alias_.named(last_)) {
            const std::string by = where + ": contig " + last_ + " is " + *alias + " by " + alias_.file();
            try {
                fasta_.require_contig(*alias, "use that name there");
            } catch (const Error& error) {
                throw Error(ErrorKind::mismatch, by + ", but " + error.what());
            }
        }
        try {
            fasta_.require_contig(last_, "rename one or give --alias ucsc");
        } catch (const Error& error) {
            throw Error(ErrorKind::mismatch,
                        where + ": " + error.what() + (differs_by_convention() ? "" : "; " + remedy));
        }
        throw Error(ErrorKind::mismatch, where + ": contig " + last_ + " cannot be used");
    }

  private:
    const FastaFile& fasta_;
    const ContigAlias& alias_;
    std::string last_;
    std::int32_t number_ = -1;
};

}  // namespace regkit
