#include "workflows/training/loader_source.hpp"

#include <algorithm>

namespace eddyline {

LoaderSource::LoaderSource(Dataset& data,
                           Statistics const& statistics,
                           LoaderOptions const& options,
                           Communicator const& ranks)
    : windows_(data.windows()),
      batch_(options.batch),
      spec_(data.batch_spec()),
      loader_(data, statistics, options, ranks) {}

int64_t LoaderSource::samples(int64_t batch) const {
  return std::clamp<int64_t>(windows_ - batch * batch_, 0, batch_);
}

std::optional<Batch> LoaderSource::next() {
  auto batch = loader_.next();
  return batch && batch->size() > 0 ? std::optional<Batch>(normalised(std::move(*batch)))
                                    : std::nullopt;
}

}  // namespace eddyline
