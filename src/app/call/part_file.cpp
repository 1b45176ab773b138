// A block is a letter and its content: integers as variable-length numbers, values as differences of what
// they are rounded to, since neighbours are alike, and called values as they are, since sites are made of
// them.
#include "app/call/part_file.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

enum Block : char {
    kHeader = 'H',
    kContig = 'B',
    kValues = 'V',
    kCalled = 'R',
    kEndRegion = 'E',
    kPlace = 'P',
    kEnd = 'Z',
};

bool is_place(char letter) {
    return letter == kPlace || letter == kEnd;
}

constexpr std::int64_t kMostValues = 1 << 16;  // of all markers, in a block: blocks are packed side by side
constexpr int kBits = 7;

class BlockText {
  public:
    explicit BlockText(Block block) : text_(1, block) {}

    void put(std::int64_t number) {
        auto rest = static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
        for (; rest >> kBits != 0; rest >>= kBits) text_.push_back(static_cast<char>(rest | 1U << kBits));
        text_.push_back(static_cast<char>(rest));
    }
    void put(std::string_view text) {
        put(std::ssize(text));
        text_ += text;
    }
    void put(std::span<const float> values) {
        put(std::ssize(values));
        text_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
    }
    std::string packed() const { return packed_block(text_); }

  private:
    std::string text_;
};

// The same, read. What is not there, or is no such thing, ends it.
class BlockParser {
  public:
    BlockParser(std::string_view text, const std::string& path) : text_(text), path_(path) {}

    char letter() const { return text_.empty() ? '\0' : text_.front(); }
    [[noreturn]] void fail() const {
        throw Error(ErrorKind::input, path_ + ": a part of a call that makes no sense; make it anew");
    }
    std::int64_t number(std::int64_t least, std::int64_t most) {
        std::uint64_t value = 0;
        for (int shift = 0;; shift += kBits) {
            if (at_ >= text_.size() || shift >= 64) fail();
            const auto byte = static_cast<unsigned char>(text_[at_++]);
            value |= static_cast<std::uint64_t>(byte & ((1U << kBits) - 1)) << shift;
            if (byte >> kBits == 0) break;
        }
        const auto number = static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
        if (number < least || number > most) fail();
        return number;
    }
    // A number of things of at least `size` bytes each: no more than there is room for.
    std::int64_t count(std::size_t size) {
        const std::size_t left = text_.size() - std::min(at_, text_.size());
        return number(0, static_cast<std::int64_t>(left / size));
    }
    std::string_view text() {
        const auto size = static_cast<std::size_t>(count(1));
        at_ += size;
        return text_.substr(at_ - size, size);
    }
    void floats(std::vector<float>& values) {
        values.resize(static_cast<std::size_t>(count(sizeof(float))));
        if (values.empty()) return;  // memcpy takes no null
        std::memcpy(values.data(), text_.data() + at_, values.size() * sizeof(float));
        at_ += values.size() * sizeof(float);
    }
    void end() const {
        if (at_ != text_.size()) fail();
    }

  private:
    std::string_view text_;
    const std::string& path_;
    std::size_t at_ = 1;  // behind the letter
};

void put_place(BlockText& block, const PartPlace& place) {
    for (const std::int64_t number : {place.range, place.position, place.bases, place.n_bases})
        block.put(number);
}

// Tells what blocks say. Contigs are those of the header.
class Teller {
  public:
    Teller(const PartHeader& header, const std::string& path, CallEvents& events)
        : header_(header), path_(path), round_(header.decimals), events_(events) {}

    void tell(std::string_view content) {
        BlockParser block(content, path_);
        if (block.letter() != kContig && number_ < 0) block.fail();
        switch (block.letter()) {
            case kContig:
                return begin_contig(block);
            case kValues:
                return values(block);
            case kCalled:
                return called(block);
            case kEndRegion:
                block.end();
                position_ = std::max(position_, called_);
                return events_.end_region();
            default:
                block.fail();
        }
    }

  private:
    const Contig& contig() const { return nth(header_.contigs, number_); }

    void begin_contig(BlockParser& block) {
        number_ = block.number(number_ + 1, std::ssize(header_.contigs) - 1);
        block.end();
        position_ = called_ = 0;
        events_.begin_contig({contig().name, contig().length, static_cast<int>(number_)});
    }

    void values(BlockParser& block) {
        const std::int64_t rows = header_.value_rows(), begin = block.number(position_, contig().length),
                           span = block.number(1, header_.width),
                           count = block.count(static_cast<std::size_t>(rows));  // a byte a value
        if (!header_.holds_values || count < 1 || count > (contig().length - begin) / span) block.fail();
        values_.resize(static_cast<std::size_t>(rows * count));
        for (std::int64_t m = 0; m < rows; ++m) {
            std::int64_t value = 0;
            for (std::int64_t i = 0; i < count; ++i) {
                value += block.number(-kMostScaled, kMostScaled);
                if (value < 0 || value > kMostScaled) block.fail();
                nth(values_, m * count + i) = round_.value(value);
            }
        }
        block.end();
        position_ = begin + span * count;
        events_.values(begin, span, count, values_, count);
    }

    void called(BlockParser& block) {
        const std::int64_t length = contig().length, begin = block.number(called_, length);
        stretches_.clear();
        std::int64_t at = begin;
        for (std::int64_t n = block.count(2); n > 0; --n) {
            const std::int64_t from = block.number(at, length), to = block.number(from + 1, length);
            stretches_.push_back({from, to});
            at = to;
        }
        runs_.clear();
        std::int64_t marker = 0, behind = 0, first = 0;
        for (std::int64_t n = block.count(3); n > 0; --n) {
            const std::int64_t next = block.number(marker, std::ssize(header_.markers) - 1);
            if (next != marker) behind = 0;
            marker = next;
            const std::int64_t from = block.number(behind, kMostCells),
                               to = block.number(from + 1, kMostCells);
            runs_.runs.push_back({0, static_cast<std::int32_t>(marker), static_cast<std::int32_t>(from),
                                  static_cast<std::int32_t>(to), first});
            behind = to;
            first += to - from;
        }
        block.floats(runs_.values);
        block.end();
        const auto is_value = [&](float v) {
            return v >= 0 && (v <= 1 || (header_.coverage && std::isfinite(v)));
        };
        if (!header_.holds_runs || first != std::ssize(runs_.values) ||
            !std::all_of(runs_.values.begin(), runs_.values.end(), is_value))
            block.fail();
        called_ = at;
        events_.called(begin, stretches_, runs_);
    }

    static constexpr std::int64_t kMostScaled = std::int64_t{1} << 60, kMostCells = INT32_MAX;

    const PartHeader& header_;
    const std::string& path_;
    Rounding round_;
    CallEvents& events_;
    std::int64_t number_ = -1, position_ = 0, called_ = 0;  // contig; behind the last values, the last cells
    std::vector<float> values_;
    std::vector<KnownStretch> stretches_;
    CalledRuns runs_;
};

}  // namespace

PartWriter::PartWriter(std::int64_t rows, int decimals, Write write, CallEvents* then, ThreadPool& pool)
    : rows_(rows), round_(decimals), write_(std::move(write)), then_(then), pool_(pool) {}

void PartWriter::header(const PartHeader& header) {
    BlockText block(kHeader);
    block.put(header_text(header));
    block.put(std::ssize(header.contigs));
    for (const Contig& contig : header.contigs) {
        block.put(contig.name);
        block.put(contig.length);
    }
    write_(std::string(PartReader::kMagic) + block.packed());
}

void PartWriter::begin_contig(const CallContig& contig) {
    BlockText block(kContig);
    block.put(std::int64_t{contig.declared});
    write_(block.packed());
    if (then_) then_->begin_contig(contig);
}

void PartWriter::values(std::int64_t begin, std::int64_t span, std::int64_t count,
                        std::span<const float> values, std::int64_t row) {
    const std::int64_t step = std::max<std::int64_t>(1, kMostValues / rows_);
    std::vector<std::string> blocks(static_cast<std::size_t>((count + step - 1) / step));
    pool_.run(std::ssize(blocks), [&](std::int64_t b, int) {
        const std::int64_t from = b * step, some = std::min(step, count - from);
        BlockText block(kValues);
        for (const std::int64_t number : {begin + from * span, span, some}) block.put(number);
        for (std::int64_t m = 0; m < rows_; ++m) {
            std::int64_t before = 0;
            for (std::int64_t i = from; i < from + some; ++i) {
                const std::int64_t value = round_.scaled(nth(values, m * row + i));
                block.put(value - before);
                before = value;
            }
        }
        nth(blocks, b) = block.packed();
    });
    for (const std::string& block : blocks) write_(block);
    if (then_) then_->values(begin, span, count, values, row);
}

void PartWriter::called(std::int64_t begin, std::span<const KnownStretch> stretches,
                        const CalledRuns& called) {
    BlockText block(kCalled);
    block.put(begin);
    block.put(std::ssize(stretches));
    for (const KnownStretch& stretch : stretches) {
        block.put(stretch.begin);
        block.put(stretch.end);
    }
    block.put(std::ssize(called.runs));
    std::vector<float> values;
    for (const CalledRun& run : called.runs) {
        for (const std::int32_t number : {run.marker, run.begin, run.end}) block.put(std::int64_t{number});
        const std::span<const float> of_run = called.values_of(run);
        values.insert(values.end(), of_run.begin(), of_run.end());
    }
    block.put(std::span<const float>(values));
    write_(block.packed());
    if (then_) then_->called(begin, stretches, called);
}

void PartWriter::end_region() {
    write_(BlockText(kEndRegion).packed());
    if (then_) then_->end_region();
}

void PartWriter::reached(const PartPlace& place) {
    BlockText block(kPlace);
    put_place(block, place);
    write_(block.packed());
}

void PartWriter::finish(const PartPlace& place) {
    BlockText block(kEnd);
    put_place(block, place);
    write_(block.packed());
}

PartReader::PartReader(const std::string& path) : reader_(path, kMagic) {
    std::string content;
    if (!reader_.next(content)) return;
    BlockParser block(content, reader_.path());
    if (block.letter() != kHeader) block.fail();
    header_ = parse_header(block.text(), reader_.path());
    for (std::int64_t n = block.count(2); n > 0; --n) {
        const std::string name(block.text());
        const bool is_name = std::ranges::all_of(name, [](unsigned char c) { return c > ' '; });
        if (name.empty() || !is_name) block.fail();
        header_.contigs.push_back({name, block.number(0, INT64_MAX / 2)});
    }
    block.end();
    has_header_ = true;
    first_ = reader_.position();
}

// Of what follows it nothing counts.
PartReader::End PartReader::last_place() {
    End end;
    end.position = first_;
    for (std::string content; !end.is_complete && reader_.next(content);) {
        BlockParser block(content, reader_.path());
        if (!is_place(block.letter())) continue;
        for (std::int64_t* number :
             {&end.place.range, &end.place.position, &end.place.bases, &end.place.n_bases})
            *number = block.number(0, INT64_MAX);
        block.end();
        end.position = reader_.position();
        end.is_complete = block.letter() == kEnd && reader_.at_end();
    }
    return end;
}

// Read twice, since a block counts only if a place follows, and all until then may be more than memory holds.
PartReader::End PartReader::replay(CallEvents& events) {
    reader_.go_to(first_);
    const End end = last_place();
    reader_.go_to(first_);
    Teller teller(header_, reader_.path(), events);
    for (std::string content; reader_.position() < end.position && reader_.next(content);)
        if (!is_place(BlockParser(content, reader_.path()).letter())) teller.tell(content);
    return end;
}

}  // namespace regkit
