// Of the format's sections these are read: version, alphabet, background, and of each motif its name and its
// letter-probability matrix; the rest (strands, log-odds matrices, URLs, descriptions) is passed over.
// https://meme-suite.org/meme/doc/meme-format.html
#include "io/motifs/meme.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text.hpp"
#include "io/fasta/fasta.hpp"
#include "io/files/text_reader.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

constexpr std::string_view kMatrix = "letter-probability matrix:";
constexpr std::int64_t kMostPositions = 1000;
constexpr double kRounding = 0.02;  // how far rounded probabilities may be from a sum of 1

std::string upper(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), upper_case);
    return result;
}

class Reader {
  public:
    explicit Reader(const std::string& path) : lines_(path) {}

    MotifFile read() {
        std::string_view line;
        while (next(line)) {
            if (!line.starts_with("MEME version"))
                lines_.fail("does not begin with 'MEME version'; " + cure());
            break;
        }
        while (next(line)) {
            // Each may read on, after which `line` is gone.
            if (line.starts_with("ALPHABET"))
                check_alphabet(line);
            else if (line.starts_with("Background letter frequencies"))
                read_background();
            else if (line.starts_with("MOTIF"))
                begin_motif(line);
            else if (line.starts_with(kMatrix))
                read_matrix(line);
        }
        require(!file_.motifs.empty(), ErrorKind::input, lines_.name() + ": holds no motif; " + cure());
        check_last();
        return std::move(file_);
    }

  private:
    static std::string cure() { return "--motifs takes motifs in the text format of the MEME suite"; }

    // The next line that is not empty, without blanks at its ends; one that was put back comes again.
    bool next(std::string_view& line) {
        if (put_back_) {
            put_back_ = false;
            line = line_;
            return true;
        }
        std::string_view whole;
        while (lines_.next(whole)) {
            const std::size_t first = whole.find_first_not_of(" \t");
            if (first == whole.npos) continue;
            line_ = whole.substr(first, whole.find_last_not_of(" \t") + 1 - first);
            line = line_;
            return true;
        }
        return false;
    }

    std::vector<std::string_view> words(std::string_view line) const {
        std::vector<std::string_view> fields;
        split_blanks(line, fields);
        return fields;
    }

    void check_alphabet(std::string_view line) const {
        const std::size_t equals = line.find('=');
        if (equals == line.npos)
            return;  // a definition of its own: its matrices tell how many letters it has
        const std::vector<std::string_view> letters = words(line.substr(equals + 1));
        if (letters.size() != 1 || upper(letters[0]) != "ACGT")
            lines_.fail("the alphabet is not that of DNA, ACGT");
    }

    // A 0.25 C 0.25 G 0.25 T 0.25
    void read_background() {
        std::string_view line;
        if (!next(line)) return;
        const std::vector<std::string_view> fields = words(line);
        BaseProbabilities background{};
        double sum = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const std::optional<double> value =
                fields.size() == 8 && upper(fields[2 * i]) == std::string(1, "ACGT"[i])
                    ? parse_real(fields[2 * i + 1])
                    : std::nullopt;
            if (!value || *value <= 0) lines_.fail("no positive frequencies of A, C, G and T");
            sum += background[i] = *value;
        }
        for (double& value : background) value /= sum;
        file_.background = background;
    }

    void begin_motif(std::string_view line) {
        check_last();
        const std::vector<std::string_view> fields = words(line);
        if (fields[0] != "MOTIF" || fields.size() < 2) lines_.fail("a motif without a name");
        file_.motifs.push_back(
            {std::string(fields[1]), fields.size() > 2 ? std::string(fields[2]) : std::string()});
    }

    void check_last() const {
        if (!file_.motifs.empty() && file_.motifs.back().positions.empty())
            lines_.fail("motif " + quoted(file_.motifs.back().id) + " has no letter-probability matrix");
    }

    // "alength= 4 w= 19 nsites= 612 E= 0", of which any may be missing, and then a row a position.
    void read_matrix(std::string_view line) {
        if (file_.motifs.empty()) lines_.fail("a matrix before the first motif");
        Motif& motif = file_.motifs.back();
        if (!motif.positions.empty()) lines_.fail("a second matrix of motif " + quoted(motif.id));
        const std::vector<std::string_view> fields = words(line.substr(kMatrix.size()));
        std::optional<double> wanted;
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const std::size_t equals = fields[i].find('=');
            if (equals == std::string_view::npos) continue;
            const std::string_view name = fields[i].substr(0, equals);
            std::string_view text = fields[i].substr(equals + 1);
            if (text.empty() && i + 1 < fields.size()) text = fields[++i];
            const std::optional<double> value = parse_real(text);
            if (name == "alength" && value != 4.0) lines_.fail("a matrix of other letters than those of DNA");
            if (name == "w") wanted = value;
            if (name == "nsites" && value) motif.sites = std::max(*value, 0.0);
        }
        std::string_view row;
        while (next(row)) {
            const std::vector<std::string_view> values = words(row);
            if (!parse_real(values[0])) {
                put_back_ = true;
                break;
            }
            motif.positions.push_back(probabilities(values));
            if (std::ssize(motif.positions) > kMostPositions)
                lines_.fail("a motif of more than " + std::to_string(kMostPositions) + " positions");
        }
        if (wanted && *wanted != static_cast<double>(motif.positions.size()))
            lines_.fail("motif " + quoted(motif.id) + " has " +
                        counted(std::ssize(motif.positions), "position") + ", and w says otherwise");
    }

    BaseProbabilities probabilities(const std::vector<std::string_view>& values) const {
        BaseProbabilities row{};
        double sum = 0;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::optional<double> value = values.size() == 4 ? parse_real(values[i]) : std::nullopt;
            if (!value || *value < 0) lines_.fail("no four probabilities");
            sum += row[i] = *value;
        }
        if (!(std::fabs(sum - 1) <= kRounding)) lines_.fail("the four probabilities do not sum to 1");
        for (double& value : row) value /= sum;
        return row;
    }

    LineReader lines_;
    std::string line_;
    bool put_back_ = false;
    MotifFile file_;
};

}  // namespace

bool Motif::is_of(const std::string& target) const {
    if (target.empty()) return false;
    std::string_view text = name.empty() ? std::string_view(id).substr(0, id.find_first_of("_.")) : name;
    text = text.substr(0, text.find('('));
    const std::string wanted = upper(target);
    while (true) {
        const std::size_t end = text.find("::");
        if (upper(text.substr(0, end)) == wanted) return true;
        if (end == text.npos) return false;
        text.remove_prefix(end + 2);
    }
}

MotifFile read_meme(const std::string& path) {
    return Reader(path).read();
}

}  // namespace regkit
