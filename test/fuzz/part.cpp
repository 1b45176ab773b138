// A part of a call: the contents of its blocks between lines "@@@@". They are packed here, so that checksums
// do not stand in the way.
#include <algorithm>

#include "app/call/part_file.hpp"
#include "test/fuzz/fuzz.hpp"

namespace {

using namespace regkit;

// What is told lies on the contig, and ascends.
class Watch final : public CallEvents {
  public:
    explicit Watch(const PartHeader& header) : header_(header) {}

    void begin_contig(const CallContig& contig) override {
        expect(contig.declared > number_, "a contig again");
        number_ = contig.declared;
        length_ = contig.length;
        values_end_ = called_end_ = 0;
    }
    void values(std::int64_t begin, std::int64_t span, std::int64_t count, std::span<const float> values,
                std::int64_t row) override {
        expect(number_ >= 0 && begin >= values_end_ && span >= 1 && span <= header_.width && count >= 1 &&
                   begin + span * count <= length_,
               "values off the contig");
        values_end_ = begin + span * count;
        expect(row == count && values.size() == header_.markers.size() * static_cast<std::size_t>(count),
               "rows of another size");
        expect(std::ranges::all_of(values, [](float v) { return v >= 0; }), "a value below 0");
    }
    void called(std::int64_t begin, std::span<const KnownStretch> stretches,
                const CalledRuns& called) override {
        expect(number_ >= 0 && begin >= called_end_ && begin <= length_, "cells off the contig");
        called_end_ = begin;
        for (const KnownStretch& stretch : stretches) {
            expect(stretch.begin >= called_end_ && stretch.end > stretch.begin && stretch.end <= length_,
                   "a stretch off the contig");
            called_end_ = stretch.end;
        }
        for (const CalledRun& run : called.runs)
            expect(run.marker >= 0 && static_cast<std::size_t>(run.marker) < header_.markers.size() &&
                       std::ssize(called.values_of(run)) == run.end - run.begin,
                   "a run that is none");
        count_ += called.runs.size();
    }
    void end_region() override { ++count_; }

    std::size_t count() const { return count_; }

  private:
    std::size_t count_ = 0;  // of runs and ends
    const PartHeader& header_;
    int number_ = -1;
    std::int64_t length_ = 0, values_end_ = 0, called_end_ = 0;
};

}  // namespace

void fuzz_one(std::string_view input) {
    std::string file(PartReader::kMagic);
    while (!input.empty()) file += packed_block(next_part(input));
    PartReader reader(put("part", file));
    if (!reader.has_header()) return;
    Watch watch(reader.header()), again(reader.header());
    const PartReader::End end = reader.replay(watch);
    expect(reader.replay(again).place == end.place && again.count() == watch.count(), "told another way");
}
