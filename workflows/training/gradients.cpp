#include "workflows/training/gradients.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <unordered_map>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "core/error.hpp"
#include "core/process_group.hpp"

namespace eddyline {
namespace {

using Clock = std::chrono::steady_clock;

/// Buckets of parameter numbers, the last parameters first since their gradients are ready first.
std::vector<std::vector<size_t>> make_buckets(std::vector<at::Tensor> const& parameters,
                                              int64_t bytes) {
  std::vector<std::vector<size_t>> buckets(1);
  int64_t filled = 0;
  for (size_t i = parameters.size(); i-- > 0;) {
    auto const size = static_cast<int64_t>(parameters[i].nbytes());
    auto const fits = filled + size <= bytes &&
                      (buckets.back().empty() || parameters[buckets.back().back()].scalar_type() ==
                                                     parameters[i].scalar_type());
    if (!buckets.back().empty() && !fits) {
      buckets.emplace_back();
      filled = 0;
    }
    buckets.back().push_back(i);
    filled += size;
  }
  return buckets;
}

}  // namespace

at::Tensor gradient_norm(std::vector<at::Tensor> const& gradients) {
  at::NoGradGuard const no_grad;
  if (gradients.empty()) {
    return at::zeros({}, at::kFloat);
  }
  return at::stack(at::_foreach_norm(gradients)).norm().to(at::kFloat);
}

void clip_gradients(std::vector<at::Tensor> const& gradients,
                    at::Tensor const& norm,
                    double limit) {
  if (gradients.empty()) {
    return;
  }
  at::NoGradGuard const no_grad;
  at::_foreach_mul_(gradients,
                    (limit / (norm + 1e-6)).clamp_max(1.0).to(gradients[0].scalar_type()));
}

struct GradientReducer::Impl {
  /// What the messages of gradients were seen to do.
  struct Traffic {
    std::vector<int64_t> sizes;  ///< numbers in each bucket
    Clock::time_point sent;      ///< the last bucket of a pass: its gradients are all computed
    double waited = 0;           ///< seconds from then until all sums were there
  };

  /// Sums a bucket over the ranks; weights are in the loss already, so nothing is divided.
  class SumBuckets final : public c10d::CommHookInterface {
   public:
    SumBuckets(c10::intrusive_ptr<c10d::ProcessGroup> group, std::shared_ptr<Traffic> traffic)
        : group_(std::move(group)), traffic_(std::move(traffic)) {}

    c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
      std::vector<at::Tensor> tensors = {bucket.getBufferRef()};
      if (bucket.getIndex() == 0) {  // buckets travel in their order
        traffic_->sizes.clear();
      }
      traffic_->sizes.push_back(tensors[0].numel());
      TrafficKind const kind("gradients");
      auto sum = group_->allreduce(tensors)->getFuture();
      traffic_->sent = Clock::now();
      return sum;
    }
    /// Called when the message of a bucket has come back, after the pass has computed everything.
    at::Tensor parseHookResult(c10::IValue const& result) override {
      auto const now = Clock::now();
      traffic_->waited += std::chrono::duration<double>(now - traffic_->sent).count();
      traffic_->sent = now;
      return c10d::detail::parseCppCommHookResult(result);
    }

   private:
    c10::intrusive_ptr<c10d::ProcessGroup> group_;
    std::shared_ptr<Traffic> traffic_;
  };

  /// Gives the gradients of one parameter the parameter's own strides also on axes of one element,
  /// where those of a transposed weight or of a convolution with channels last differ without
  /// meaning anything: c10d::Reducer compares them and warns. Others are laid out as the parameter
  /// anyhow.
  class OwnStrides {
   public:
    explicit OwnStrides(at::Tensor const& parameter)
        : parameter_(parameter),
          hook_(parameter.register_hook([sizes = parameter.sizes().vec()](at::Tensor const& g) {
            return g.defined() ? g.reshape({-1}).view(sizes) : g;
          })) {}
    ~OwnStrides() { parameter_.remove_hook(hook_); }
    OwnStrides(OwnStrides const&) = delete;
    OwnStrides& operator=(OwnStrides const&) = delete;

   private:
    at::Tensor parameter_;
    unsigned hook_;
  };

  at::Tensor carrier;  ///< always used, so that the backward pass of a rank without samples has a
                       ///< hook to fire
  at::Tensor spare;    ///< never used, so that the Reducer does not warn of finding none unused
  c10::intrusive_ptr<c10d::ProcessGroup> group;
  std::deque<OwnStrides> strides;
  std::shared_ptr<c10d::Reducer> reducer;
  /// The Reducer tells it, unasked, when the set of unused parameters changes.
  std::shared_ptr<c10d::Logger> logger;
  std::shared_ptr<Traffic> traffic = std::make_shared<Traffic>();
};

GradientReducer::GradientReducer(std::vector<TrainedParameter> const& parameters,
                                 Communicator const& ranks,
                                 int64_t bucket_bytes) {
  require(bucket_bytes > 0, "train.bucket_megabytes must be > 0");
  if (ranks.size() == 1) {
    return;
  }
  impl_ = std::make_unique<Impl>();
  impl_->group = make_process_group(ranks);
  std::vector<at::Tensor> values;
  std::unordered_map<size_t, std::string> names;
  for (auto const& parameter : parameters) {
    names[values.size()] = parameter.name;
    values.push_back(parameter.value);
    if (parameter.value.is_contiguous()) {
      impl_->strides.emplace_back(parameter.value);
    }
  }
  EDDYLINE_ENSURE(!values.empty(), "nothing to reduce");
  impl_->carrier = at::zeros({1}, values[0].options().requires_grad(false)).requires_grad_(true);
  names[values.size()] = "carrier";
  values.push_back(impl_->carrier);
  impl_->spare = at::zeros_like(impl_->carrier).requires_grad_(true);
  names[values.size()] = "spare";
  values.push_back(impl_->spare);
  auto const buckets = make_buckets(values, bucket_bytes);
  for (auto const& bucket : buckets) {
    auto& size = impl_->traffic->sizes.emplace_back(0);
    for (auto const index : bucket) {
      size += values[index].numel();
    }
  }
  // Looking for unused parameters is also what keeps the Reducer from rebuilding its buckets.
  impl_->reducer = std::make_shared<c10d::Reducer>(values,
                                                   buckets,
                                                   impl_->group,
                                                   std::vector<bool>(values.size(), false),
                                                   bucket_bytes,
                                                   /*find_unused_parameters=*/true,
                                                   /*gradient_as_bucket_view=*/true,
                                                   names,
                                                   bucket_bytes,
                                                   /*skip_all_reduce_unused_params=*/false,
                                                   /*use_python_reducer=*/false,
                                                   std::vector<int64_t>{});
  impl_->logger = std::make_shared<c10d::Logger>(impl_->reducer);
  impl_->reducer->set_logger(impl_->logger);
  impl_->reducer->register_comm_hook(
      std::make_unique<Impl::SumBuckets>(impl_->group, impl_->traffic));
}

GradientReducer::~GradientReducer() {
  if (impl_) {
    impl_->reducer->remove_autograd_hooks();
  }
}

std::vector<int64_t> GradientReducer::bucket_sizes() const {
  return impl_ ? impl_->traffic->sizes : std::vector<int64_t>();
}

double GradientReducer::waited_seconds() const {
  return impl_ ? impl_->traffic->waited : 0;
}

void GradientReducer::backward(at::Tensor const& loss, Reduce reduce) {
  if (!impl_) {
    if (loss.defined()) {
      loss.backward();
    }
    return;
  }
  if (reduce == Reduce::later) {
    if (loss.defined()) {
      loss.backward();
    }
    return;
  }
  auto const carried = impl_->carrier.sum() * 0;
  auto const whole = loss.defined() ? loss + carried : carried;
  impl_->reducer->prepare_for_forward();
  impl_->reducer->prepare_for_backward({whole});
  whole.backward();
  impl_->carrier.mutable_grad().reset();
}

}  // namespace eddyline
