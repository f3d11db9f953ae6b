#include "workflows/training/loader_source.hpp"

#include <algorithm>
#include <utility>

namespace eddyline {
namespace {

/// Named as its statistics are, so that batches of a mix tell which of its sets they are of.
std::shared_ptr<BatchSpec const> named(BatchSpec spec, std::string const& name) {
  spec.dataset = name;
  return std::make_shared<BatchSpec const>(std::move(spec));
}

}  // namespace

LoaderSource::LoaderSource(Dataset& data,
                           Statistics const& statistics,
                           LoaderOptions const& options,
                           Communicator const& ranks)
    : windows_(data.windows()),
      batch_(options.batch),
      spec_(named(*data.batch_spec(), statistics.dataset)),
      loader_(data, statistics, options, ranks) {}

int64_t LoaderSource::samples(int64_t batch) const {
  return std::clamp<int64_t>(windows_ - batch * batch_, 0, batch_);
}

std::optional<Batch> LoaderSource::next() {
  auto batch = loader_.next();
  if (!batch || batch->size() == 0) {
    return std::nullopt;
  }
  batch->spec = spec_;
  return normalised(std::move(*batch));
}

}  // namespace eddyline
