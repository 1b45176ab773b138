// The conventions are a rule (chr before the name, and what mitochondria are called), a user's aliases a
// table. Both only name candidates, best first; whoever asks looks them up in the reference.
#include "io/fasta/contig_alias.hpp"

#include "io/files/text_reader.hpp"

namespace regkit {

std::vector<std::string> other_conventions(const std::string& contig) {
    if (contig == "chrM") return {"MT", "M"};
    if (contig == "MT" || contig == "M") return {"chrM", contig == "MT" ? "M" : "MT", "chrMT"};
    if (contig.starts_with("chr") && contig.size() > 3) return {contig.substr(3)};
    return {"chr" + contig};
}

ContigAlias::ContigAlias(const std::string& rule) : conventions_(rule == "ucsc") {
    if (rule.empty() || conventions_) return;
    file_ = rule;
    LineReader reader(rule);
    std::vector<std::string_view> fields;
    for (std::string_view line; reader.next(line);) {
        if (line.empty() || line.starts_with('#')) continue;
        split_fields(line, '\t', fields);
        if (fields.size() < 2 || fields[0].empty() || fields[1].empty())
            reader.fail("not two tab-separated columns: the name in the inputs, the name in the reference");
        if (!names_.emplace(fields[0], fields[1]).second)
            reader.fail("a second alias of " + std::string(fields[0]));
    }
}

const std::string* ContigAlias::named(const std::string& contig) const {
    const auto found = names_.find(contig);
    return found == names_.end() ? nullptr : &found->second;
}

std::vector<std::string> ContigAlias::candidates(const std::string& contig) const {
    std::vector<std::string> names{contig};
    if (const auto found = names_.find(contig); found != names_.end())
        names.insert(names.begin(), found->second);
    if (conventions_)
        for (auto& other : other_conventions(contig)) names.push_back(std::move(other));
    return names;
}

}  // namespace regkit
