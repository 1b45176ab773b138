// Several models as one, an ensemble: at each position the mean of what they predict by themselves, and their
// spread, the standard deviation over them. One model is an ensemble too, which passes on what its Predictor
// gives.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "app/model/calibrated.hpp"
#include "app/model/model.hpp"
#include "app/model/predictor.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// How messages call the models of these files: one by its path, several "the mean of 3 models".
std::string models_text(const std::vector<std::string>& paths);

// Architectures, strides and windows may differ; each model has its own tiles, and its predictions are the
// same bytes as it gives alone.
class Ensemble {
  public:
    struct Options {
        PredictorOptions predictor;
        // Each calibrated model's line goes into its weights, and of several also its knots into its values;
        // of one, knots are left to whoever takes the values, since cutoffs go the other way.
        bool calibrated = false;
        bool spread = false;  // of several models alone
    };
    // The models have the same markers in the same order, as Session gives them; `paths` name them in
    // messages. Error(mismatch) where their outputs do not stand for as many bases, else Predictor's. Back
    // end and pool must outlive it.
    Ensemble(std::vector<Model> models, const std::vector<std::string>& paths, Backend& backend,
             const Options& options, ThreadPool& pool);

    int markers() const { return members_.front().predictor.markers(); }
    // Of what predict() gives: a row a marker and, with spread, another one of each behind them.
    int rows() const { return spread_ ? 2 * markers() : markers(); }
    std::int64_t resolution() const { return members_.front().predictor.resolution(); }
    // These as Predictor has them, good for every model.
    std::int64_t grid() const { return grid_; }
    std::int64_t unit() const;
    std::int64_t behind() const;
    std::int64_t ahead() const;

    // As Predictor's, with values [rows()][cells]. Positions before `lead` are not known: a model counts from
    // the last multiple of its own grid that is not beyond it, as it would alone.
    void predict(std::int64_t length, std::int64_t begin, std::int64_t end, std::int64_t lead,
                 const FetchCodes& fetch, const TileSink& sink);
    // The means at or above their marker's cutoff.
    void predict_called(std::int64_t length, std::int64_t begin, std::int64_t end, std::int64_t lead,
                        std::span<const float> cutoffs, const FetchCodes& fetch, const CalledSink& sink);

  private:
    struct Member {
        Predictor predictor;
        KnotMaps knots;
        std::vector<float> values;  // [markers][cells] of the stretch at hand
    };
    bool is_one() const { return members_.size() == 1; }
    void predict_member(Member& member, std::int64_t length, std::int64_t begin, std::int64_t end,
                        std::int64_t lead, const FetchCodes& fetch);
    void form_mean(std::int64_t cells);

    ThreadPool& pool_;
    Task task_;
    bool logits_, spread_;
    std::vector<Member> members_;
    std::int64_t grid_ = 1, tile_ = 0;
    std::vector<std::uint8_t> codes_;
    std::vector<float> values_;
    CalledRuns called_;
};

}  // namespace regkit
