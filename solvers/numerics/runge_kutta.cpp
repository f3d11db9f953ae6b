#include "solvers/numerics/runge_kutta.hpp"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "solvers/numerics/careful_sum.hpp"

namespace eddyline {
namespace {

constexpr int kStages = 7;  // the seventh is the first of the next step
constexpr double kSafety = 0.9;
constexpr double kLeastFactor = 0.2;
constexpr double kLargestFactor = 10.0;
constexpr double kErrorOrder = 4;
constexpr int64_t kClockNumbers = 7;

using Weights = std::array<double, kStages>;

constexpr std::array<double, kStages> kNodes = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1};

// Row s: weights of the slopes before stage s. The last row gives the new state (order 5).
constexpr std::array<Weights, kStages> kInner = {{
    {},
    {1. / 5},
    {3. / 40, 9. / 40},
    {44. / 45, -56. / 15, 32. / 9},
    {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
    {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
    {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
}};

// Order 4 minus order 5.
constexpr Weights kError = {
    -71. / 57600, 0, 71. / 16695, -71. / 1920, 17253. / 339200, -22. / 525, 1. / 40};

// Row s: polynomial x, x^2, x^3, x^4 of slope s in the state at the fraction x of a step.
constexpr std::array<std::array<double, 4>, kStages> kDense = {{
    {1, -8048581381. / 2820520608, 8663915743. / 2820520608, -12715105075. / 11282082432},
    {},
    {0, 131558114200. / 32700410799, -68118460800. / 10900136933, 87487479700. / 32700410799},
    {0, -1754552775. / 470086768, 14199869525. / 1410260304, -10690763975. / 1880347072},
    {0, 127303824393. / 49829197408, -318862633887. / 49829197408, 701980252875. / 199316789632},
    {0, -282668133. / 205662961, 2019193451. / 616988883, -1453857185. / 822651844},
    {0, 40617522. / 29380423, -110615467. / 29380423, 69997945. / 29380423},
}};

/// result = base + length * sum of the first `Count` weighted slopes, in one pass.
template <int Count>
void combine(at::Tensor const& base,
             at::Tensor const& slopes,
             Weights const& weights,
             double length,
             at::Tensor const& result) {
  auto const n = base.numel();
  auto const* const from = base.const_data_ptr<double>();
  auto const* const slope = slopes.const_data_ptr<double>();
  auto* const __restrict to = result.mutable_data_ptr<double>();
  for (int64_t i = 0; i < n; ++i) {
    double sum = weights[0] * slope[i];
    for (int s = 1; s < Count; ++s) {
      sum += weights[static_cast<size_t>(s)] * slope[s * n + i];
    }
    to[i] = from[i] + length * sum;
  }
}

using Combine =
    void (*)(at::Tensor const&, at::Tensor const&, Weights const&, double, at::Tensor const&);
constexpr std::array<Combine, kStages + 1> kCombine = {
    nullptr, combine<1>, combine<2>, combine<3>, combine<4>, combine<5>, combine<6>, combine<7>};

/// Careful sum of term(i) over 0 … n-1; eight sums side by side, so that the compiler vectorises.
template <class Term>
CarefulSum sum_terms(int64_t n, Term const& term) {
  constexpr int64_t kLanes = 8;
  double high[kLanes] = {};
  double low[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      CarefulSum sum{high[lane], low[lane]};
      sum.add(term(i + lane));
      high[lane] = sum.high;
      low[lane] = sum.low;
    }
  }
  CarefulSum total;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    total.add(CarefulSum{high[lane], low[lane]});
  }
  for (; i < n; ++i) {
    total.add(term(i));
  }
  return total;
}

}  // namespace

RungeKutta45::RungeKutta45(Rate rate, RungeKuttaOptions options, Communicator const& ranks)
    : rate_(std::move(rate)), options_(options), ranks_(&ranks) {
  require(options.relative_tolerance > 0 && options.absolute_tolerance > 0,
          "tolerances must be positive, not ",
          options.relative_tolerance,
          " (relative) and ",
          options.absolute_tolerance,
          " (absolute)");
  require(
      options.largest_step > 0, "the largest step must be positive, not ", options.largest_step);
}

void RungeKutta45::allocate(at::Tensor const& like) {
  EDDYLINE_ENSURE(like.scalar_type() == at::kDouble && like.device().is_cpu(),
                  "state of type ",
                  like.scalar_type());
  auto shape = like.sizes().vec();
  auto const options = at::TensorOptions().dtype(at::kDouble);
  for (auto* tensor : {&state_, &previous_, &trial_, &stage_}) {
    *tensor = at::empty(shape, options);
  }
  shape.insert(shape.begin(), kStages);
  slopes_ = at::zeros(shape, options);
  for (int s = 0; s < kStages; ++s) {
    slope_[static_cast<size_t>(s)] = slopes_[s];
  }
  unknowns_ = static_cast<double>(ranks_->all_reduce(like.numel()));
}

void RungeKutta45::evaluate(double time, at::Tensor const& state, at::Tensor const& rate) {
  rate_(time, state, rate);
  ++counts_.evaluations;
}

void RungeKutta45::start(at::Tensor const& state, double time, double bound) {
  require(bound > time, "an integration from time ", time, " needs a later end, not ", bound);
  allocate(state);
  state_.copy_(state);
  counts_ = {};
  time_ = previous_time_ = time;
  bound_ = bound;
  evaluate(time, state_, slope_[kStages - 1]);
  length_ = first_step_length();
}

void RungeKutta45::extend(double bound) {
  require(bound >= bound_, "the bound ", bound_, " of an integration cannot go back to ", bound);
  bound_ = bound;
}

/// RMS over all ranks of (difference - minus) / (tolerance at the state); `minus` may be null.
double RungeKutta45::norm(at::Tensor const& difference, double const* minus) const {
  auto const* const state = state_.const_data_ptr<double>();
  auto const* const values = difference.const_data_ptr<double>();
  auto const sum = sum_terms(state_.numel(), [&, this](int64_t i) {
    double const scale =
        options_.absolute_tolerance + std::abs(state[i]) * options_.relative_tolerance;
    double const ratio = (values[i] - (minus != nullptr ? minus[i] : 0.0)) / scale;
    return ratio * ratio;
  });
  return std::sqrt(sum_over_ranks(sum, *ranks_) / unknowns_);
}

double RungeKutta45::first_step_length() {
  double const interval = bound_ - time_;
  auto const& rate = slope_[kStages - 1];
  double const size = norm(state_, nullptr);
  double const speed = norm(rate, nullptr);
  double const guess = std::min(size < 1e-5 || speed < 1e-5 ? 1e-6 : 0.01 * size / speed, interval);
  // An Euler step of that length shows how fast the rate changes.
  at::add_out(stage_, state_, rate, guess);
  evaluate(time_ + guess, stage_, trial_);
  double const bend = norm(trial_, rate.const_data_ptr<double>()) / guess;
  double const length = speed <= 1e-15 && bend <= 1e-15
                            ? std::max(1e-6, guess * 1e-3)
                            : std::pow(0.01 / std::max(speed, bend), 1 / (kErrorOrder + 1));
  return std::min({100 * guess, length, interval, options_.largest_step});
}

/// Fills slopes and trial state of a step; returns its error relative to the tolerance.
double RungeKutta45::attempt(double length) {
  for (int s = 1; s < kStages; ++s) {
    auto const at = static_cast<size_t>(s);
    auto const& argument = s == kStages - 1 ? trial_ : stage_;
    kCombine[at](state_, slopes_, kInner[at], length, argument);
    evaluate(time_ + kNodes[at] * length, argument, slope_[at]);
  }
  auto const n = state_.numel();
  auto const* const old_state = state_.const_data_ptr<double>();
  auto const* const new_state = trial_.const_data_ptr<double>();
  auto const* const slope = slopes_.const_data_ptr<double>();
  auto const sum = sum_terms(n, [=, this](int64_t i) {
    double error = 0;
    for (int s = 0; s < kStages; ++s) {
      error += kError[static_cast<size_t>(s)] * slope[s * n + i];
    }
    double const size = std::max(std::abs(old_state[i]), std::abs(new_state[i]));
    double const ratio =
        error * length / (options_.absolute_tolerance + size * options_.relative_tolerance);
    return ratio * ratio;
  });
  return std::sqrt(sum_over_ranks(sum, *ranks_) / unknowns_);
}

void RungeKutta45::accept(double time, double length) {
  previous_time_ = std::exchange(time_, time);
  length_ = length;
  std::swap(previous_, state_);
  std::swap(state_, trial_);
  ++counts_.accepted;
}

void RungeKutta45::step() {
  require(time_ < bound_, "the integration has reached its end at time ", bound_);
  double const least =
      10 * std::abs(std::nextafter(time_, std::numeric_limits<double>::infinity()) - time_);
  double length = std::max(std::min(length_, options_.largest_step), least);
  slope_[0].copy_(slope_[kStages - 1]);
  for (bool rejected = false;; rejected = true) {
    if (!(length >= least)) {  // also where the length is not a number
      slope_[kStages - 1].copy_(slopes_[0]);
      throw Diverged(concat("step ",
                            counts_.accepted + 1,
                            " at time ",
                            time_,
                            " would have to be shorter than ",
                            least,
                            " to keep its error within the tolerance: the solution grows without "
                            "bound or is not finite"));
    }
    double const target = std::min(time_ + length, bound_);
    length = target - time_;
    double const error = attempt(length);
    double const wish =
        kSafety * std::pow(error, -1 / (kErrorOrder + 1));  // infinite without error
    if (error < 1) {
      double const factor = std::min(kLargestFactor, wish);
      accept(target, length * (rejected ? std::min(1.0, factor) : factor));
      return;
    }
    length *= std::max(kLeastFactor, wish);  // a wish that is not a number loses
    ++counts_.rejected;
  }
}

void RungeKutta45::fixed_step(double length) {
  slope_[0].copy_(slope_[kStages - 1]);
  attempt(length);
  accept(time_ + length, length_);
  bound_ = std::max(bound_, time_);
}

void RungeKutta45::interpolate(double time, at::Tensor const& out) const {
  require(time >= previous_time_ && time <= time_,
          "time ",
          time,
          " is not within the last step, ",
          previous_time_,
          " to ",
          time_);
  if (previous_time_ == time_) {
    out.copy_(state_);
    return;
  }
  double const length = time_ - previous_time_;
  double const x = (time - previous_time_) / length;
  Weights weights{};
  for (size_t s = 0; s < kStages; ++s) {
    auto const& p = kDense[s];
    weights[s] = x * (p[0] + x * (p[1] + x * (p[2] + x * p[3])));
  }
  combine<kStages>(previous_, slopes_, weights, length, out);
}

void RungeKutta45::reach(double time, at::Tensor const& out) {
  require(time <= bound_, "time ", time, " is beyond the end of the integration, ", bound_);
  while (time_ < time) {
    step();
  }
  interpolate(time, out);
}

std::map<std::string, at::Tensor> RungeKutta45::save() const {
  // Counts are exact in float64 up to 2^53.
  auto const clock = at::tensor({time_,
                                 previous_time_,
                                 length_,
                                 bound_,
                                 double(counts_.accepted),
                                 double(counts_.rejected),
                                 double(counts_.evaluations)},
                                at::kDouble);
  return {{"clock", clock},
          {"state", state_.clone()},
          {"previous", previous_.clone()},
          {"slopes", slopes_.clone()}};
}

void RungeKutta45::load(std::map<std::string, at::Tensor> const& memory) {
  for (auto const* const name : {"clock", "state", "previous", "slopes"}) {
    require(memory.contains(name),
            "the saved memory of the integration lacks '",
            name,
            "'; start the run anew");
  }
  auto const& state = memory.at("state");
  auto slopes_shape = state.sizes().vec();
  slopes_shape.insert(slopes_shape.begin(), kStages);
  require(
      memory.at("previous").sizes() == state.sizes() &&
          memory.at("slopes").sizes() == slopes_shape &&
          memory.at("clock").numel() == kClockNumbers,
      "the parts of the saved memory of the integration do not fit each other; start the run anew");
  allocate(state);
  state_.copy_(state);
  previous_.copy_(memory.at("previous"));
  slopes_.copy_(memory.at("slopes"));
  auto const clock = memory.at("clock").to(at::kDouble).contiguous();
  auto const* const values = clock.const_data_ptr<double>();
  time_ = values[0];
  previous_time_ = values[1];
  length_ = values[2];
  bound_ = values[3];
  counts_ = {static_cast<int64_t>(values[4]),
             static_cast<int64_t>(values[5]),
             static_cast<int64_t>(values[6])};
}

}  // namespace eddyline
