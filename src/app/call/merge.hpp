// regcall merge: from the parts of a call to its tracks.
#pragma once

#include <string>
#include <vector>

#include "app/call/call.hpp"
#include "base/log.hpp"

namespace regkit {

// Of `parameters` those about outputs count; the rest is as in the run of the shards. The files are, to the
// byte, what one run over all would have written, but for the command in their headers. Error(mismatch) for
// parts of different calls, one that is given twice, or one that is missing; Error(input) for one that is
// damaged or not complete; Error(usage) for outputs that the parts do not hold enough for.
CallSummary merge_parts(const std::vector<std::string>& parts, CallParameters parameters, Log& log,
                        const TellWork& tell = tell_nobody);

}  // namespace regkit
