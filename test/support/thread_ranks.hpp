// Ranks that are threads of one process, for tests of what a Communicator's users do. One runs at a time,
// until it waits for the others: the emulator of CUDA is not made for several threads.
#pragma once

#include <barrier>
#include <cstring>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/communicator.hpp"

namespace regkit::test {

class ThreadRanks {
  public:
    explicit ThreadRanks(int size) : size_(size), shown_(static_cast<std::size_t>(size)), barrier_(size) {}

    // Calls body(communicator) on as many threads; rethrows what the first rank that failed threw. (A rank
    // that throws between calls leaves the others waiting: bodies check after their last call.)
    void run(const std::function<void(Communicator&)>& body) {
        std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size_));
        std::vector<std::thread> threads;
        for (int rank = 0; rank < size_; ++rank)
            threads.emplace_back([&, rank] {
                Rank me(*this, rank);
                const std::lock_guard turn(turn_);
                try {
                    body(me);
                } catch (...) {
                    failures[static_cast<std::size_t>(rank)] = std::current_exception();
                }
            });
        for (std::thread& thread : threads) thread.join();
        for (const std::exception_ptr& failure : failures)
            if (failure) std::rethrow_exception(failure);
    }

  private:
    class Rank final : public Communicator {
      public:
        Rank(ThreadRanks& all, int rank) : all_(all), rank_(rank) {}
        int rank() const override { return rank_; }
        int size() const override { return all_.size_; }
        void sum_in_order(std::span<float> values) override { sum(values); }
        void sum_in_order(std::span<double> values) override { sum(values); }
        void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
            show(mine);
            for (std::size_t r = 0; r < all_.shown_.size(); ++r)
                std::memcpy(all.data() + r * mine.size(), all_.shown_[r].data(), mine.size());
            all_.wait();
        }
        void broadcast(std::span<std::byte> values) override {
            show(values);
            if (rank_ > 0) std::memcpy(values.data(), all_.shown_[0].data(), values.size());
            all_.wait();
        }
        std::chrono::milliseconds patience() const override { return std::chrono::seconds(60); }

      private:
        void show(std::span<const std::byte> bytes) {
            all_.shown_[static_cast<std::size_t>(rank_)] = bytes;
            all_.wait();
        }
        template <typename T>
        void sum(std::span<T> values) {
            const std::vector<T> mine(values.begin(), values.end());
            show(std::as_bytes(std::span(mine)));
            for (std::size_t i = 0; i < values.size(); ++i) {
                double total = 0;
                for (const auto& bytes : all_.shown_) {
                    T value;
                    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
                    total += static_cast<double>(value);
                }
                values[i] = static_cast<T>(total);
            }
            all_.wait();
        }
        ThreadRanks& all_;
        int rank_;
    };

    void wait() {
        turn_.unlock();
        barrier_.arrive_and_wait();
        turn_.lock();
    }

    int size_;
    std::mutex turn_;
    std::vector<std::span<const std::byte>> shown_;
    std::barrier<> barrier_;
};

}  // namespace regkit::test
