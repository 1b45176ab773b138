// How operations become an interface. An operation is a struct: its operands as named fields, its name, and a
// check() that throws Error(usage) where they do not fit together. A back end overrides run() for those that
// it has.
#pragma once

#include "kernels/device.hpp"
#include "kernels/status.hpp"

namespace regkit {

template <class Op>
class CanRun {
  protected:
    ~CanRun() = default;
    virtual Status run(const Op&) noexcept { return Status::unsupported(); }
};

template <class... Ops>
class BackendOf : public Device, protected CanRun<Ops>... {
  public:
    // The only way in: checks, runs, and throws Error(resource) where the back end could not do it.
    template <class Op>
    void operator()(const Op& op) {
        op.check();
        done(Op::kName, this->run(op));
    }
    // For compositions (compose.hpp): false where the back end has no such operation.
    template <class Op>
    bool try_run(const Op& op) {
        op.check();
        const Status status = this->run(op);
        if (status.code == Status::Code::unsupported) return false;
        done(Op::kName, status);
        return true;
    }

  protected:
    using CanRun<Ops>::run...;
};

}  // namespace regkit
