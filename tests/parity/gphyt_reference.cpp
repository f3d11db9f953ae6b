#include "tests/parity/gphyt_reference.hpp"

#include <functional>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/gphyt/import.hpp"
#include "workflows/metrics/registry.hpp"

namespace eddyline::parity {
namespace {

// The reference in float32 lies within 3e-6 of itself in float64; its gradients within 1.2e-6 of
// their largest element, its losses within 5e-7 of them, ten steps of a rollout within 8e-6.
constexpr double kValues = 1e-5;
constexpr double kGradients = 1e-5;   // relative to the largest element
constexpr double kLosses = 1e-5;      // relative
constexpr double kRollout = 5e-5;     // fields of size 5
constexpr double kMetrics = 1e-5;     // relative to the largest of a data set
constexpr double kDirections = 1e-6;  // of the loss; truncation and round-off are near 1e-10

template <class E>
E named(std::string const& name) {
  for (auto const& [value, known] : EnumNames<E>::names) {
    if (name == known) {
      return value;
    }
  }
  throw Error(concat("no value is named '", name, "'"));
}

GphytEndConfig end_of(nlohmann::json const& from, std::string const& end) {
  GphytEndConfig config{.mode = named<GphytTokens>(from.at(end + "_mode")),
                        .overlap = from.at(end + "_overlap")};
  auto const& channels = from.at(end + "_net_channels");
  if (!channels.is_null()) {
    config.channels = channels.get<std::vector<int64_t>>();
  }
  return config;
}

GphytIntegrator integrator_of(nlohmann::json const& from) {
  auto const& name = from.at("integrator");
  if (name.is_null()) {
    return GphytIntegrator::none;
  }
  auto lower = name.get<std::string>();
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return named<GphytIntegrator>(lower);
}

GphytConfig config_of(Reference const& reference) {
  auto const& from = reference.config.at("model");
  auto const patch = from.at("patch_size").get<std::array<int64_t, 3>>();
  auto const semantics = reference.config.at("forward_semantics").get<std::string>();
  bool const ignores = semantics.find("integrator ignored") != std::string::npos;
  bool const honours = semantics.find("integrator honoured") != std::string::npos;
  EXPECT_NE(ignores, honours) << semantics;
  return {.hidden_dim = from.at("hidden_dim").get<int64_t>(),
          .mlp_dim = from.at("mlp_dim").get<int64_t>(),
          .num_heads = from.at("num_heads").get<int64_t>(),
          .num_layers = from.at("num_layers").get<int64_t>(),
          .patch = {1, patch[1], patch[2]},
          .time_patch = patch[0],
          .history = from.at("img_size").at(0),
          .positions = named<GphytPositions>(from.at("pos_enc_mode")),
          .attention = named<GphytAttentionMode>(from.at("att_mode")),
          .derivatives = from.at("use_derivatives"),
          .integrator = integrator_of(from),
          .forward_semantics = ignores ? GphytForward::head : GphytForward::v1,
          .tokenizer = end_of(from, "tokenizer"),
          .detokenizer = end_of(from, "detokenizer"),
          .dropout = from.at("dropout"),
          .stochastic_depth = from.at("stochastic_depth_rate")};
}

Axis axis_of(std::string const& name, int64_t cells) {
  Axis axis{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(cells))};
  std::iota(axis.coordinates.begin(), axis.coordinates.end(), 0.0);
  return axis;
}

SurrogateSpec spec_of(Reference const& reference) {
  auto const& from = reference.config.at("model");
  std::vector<Field> fields;
  for (int64_t f = 0; f < from.at("num_fields").get<int64_t>(); ++f) {
    fields.push_back({.name = concat("field", f)});
  }
  return {.input_fields = FieldSet(fields),
          .output_fields = FieldSet(fields),
          .grid = Grid(
              {axis_of("x", from.at("img_size").at(1)), axis_of("y", from.at("img_size").at(2))})};
}

at::Tensor input(Reference const& reference) {
  // The reference takes a step size and ignores it.
  EXPECT_EQ(reference.tensor("input/step_size").item<double>(), 1);
  return channels_first(reference.tensor("input/x"));
}

at::Tensor target(Reference const& reference) {
  return channels_first(reference.tensor("train/target"));
}

/// The next frame (B, 1, F, H, W) by the way that a workflow takes.
at::Tensor predict(Gphyt& gphyt, at::Tensor const& frames) {
  return gphyt.predict(Batch{.input = frames.unsqueeze(3)}, {}).squeeze(3);
}

void compare_values(Reference const& reference,
                    std::string const& name,
                    at::Tensor const& ours,
                    double tolerance = kValues,
                    std::string const& form = "") {
  expect_close(reference, name + form, largest_difference(ours, reference.tensor(name)), tolerance);
}

/// Columns of the metric `name` for each sample of (B, F, H, W) alone: (B, F).
at::Tensor of_samples(std::string const& name, at::Tensor const& p, at::Tensor const& y) {
  Grid const grid({axis_of("x", y.size(2)), axis_of("y", y.size(3))});
  std::vector<at::Tensor> rows;
  for (int64_t b = 0; b < y.size(0); ++b) {
    auto const metric = metric_entry(name).make(grid);
    metric->update({p.narrow(0, b, 1).unsqueeze(2), y.narrow(0, b, 1).unsqueeze(2), {}, {0}});
    rows.push_back(at::tensor(metric->result(Communicator::self()).at(name).channels, at::kDouble));
  }
  return at::stack(rows);
}

double of_all(std::string const& name, at::Tensor const& p, at::Tensor const& y) {
  Grid const grid({axis_of("x", y.size(2)), axis_of("y", y.size(3))});
  auto const metric = metric_entry(name).make(grid);
  std::vector<int64_t> rows(static_cast<size_t>(y.size(0)));
  metric->update({p.unsqueeze(2), y.unsqueeze(2), {}, rows});
  return metric->result(Communicator::self()).at(name).overall;
}

void compare_relative(Reference const& reference,
                      std::string const& name,
                      at::Tensor const& ours,
                      std::string const& form = "") {
  auto const expected = reference.tensor(name);
  auto const scale = std::max(expected.abs().max().item<double>(), 1e-30);
  expect_close(reference,
               name + form,
               largest_difference(ours.view(expected.sizes()), expected) / scale,
               kMetrics);
}

using Predict = std::function<at::Tensor(at::Tensor const& frames)>;

/// The network's two forms by name: what each makes of frames (B, T, F, H, W), (B, 1, F, H, W).
std::map<std::string, Predict> forms_of(Gphyt& gphyt) {
  std::shared_ptr<FrozenSurrogate const> const frozen = gphyt.freeze(Precision::fp32);
  return {{"", [&gphyt](at::Tensor const& frames) { return predict(gphyt, frames); }},
          {" of the frozen form", [frozen](at::Tensor const& frames) {
             return frozen->predict(Batch{.input = frames.unsqueeze(3)}).squeeze(3);
           }}};
}

/// Ten frames of sample 0; `next` gives what a step appends.
template <class Append>
at::Tensor roll(Predict const& predict, at::Tensor window, int64_t steps, Append const& append) {
  std::vector<at::Tensor> frames;
  for (int64_t i = 0; i < steps; ++i) {
    frames.push_back(predict(window));
    window = at::cat({window.narrow(1, 1, window.size(1) - 1), append(i, frames.back())}, 1);
  }
  return at::cat(frames, 1)[0];
}

}  // namespace

at::Tensor channels_first(at::Tensor const& frames) {
  return frames.movedim(-1, -3).contiguous();
}

at::Tensor channels_last(at::Tensor const& frames) {
  return frames.movedim(-3, -1);
}

Pass plain_gphyt_pass(at::Tensor const& frames) {
  Pass pass;
  for (int64_t b = 0; b < frames.size(0); ++b) {
    pass.samples.push_back(b);
  }
  return pass;
}

std::shared_ptr<Gphyt> load_gphyt(Reference const& reference) {
  auto gphyt = std::make_shared<Gphyt>(config_of(reference), spec_of(reference), 0);
  auto checkpoint = read_pytorch(reference.weights);
  std::erase_if(checkpoint.parameters,
                [](auto const& item) { return is_gphyt_buffer(item.first); });
  load_weights(*gphyt, checkpoint);
  gphyt->eval();
  return gphyt;
}

SplitCase split_gphyt(Reference const& reference) {
  auto const frames = input(reference);
  return {.network = load_gphyt(reference),
          .spec = spec_of(reference),
          .batch = {.input = frames.unsqueeze(3),
                    .target = channels_first(reference.tensor("output/y")).unsqueeze(3),
                    .lead_time = at::ones({frames.size(0)})},
          .tolerance = kValues,
          .gradients = {.tolerance = kGradients}};
}

void compare_gphyt_outputs(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const gphyt = load_gphyt(reference);
  auto const y = predict(*gphyt, input(reference));
  for (auto const& [form, predict] : forms_of(*gphyt)) {
    compare_values(reference, "output/y", channels_last(predict(input(reference))), kValues, form);
  }
  auto const loss = reference.tensor("output/loss_mean_square").item<double>();
  expect_close(reference,
               "output/loss_mean_square",
               std::abs(y.square().mean().item<double>() - loss) / loss,
               kLosses);
}

void compare_gphyt_intermediates(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const gphyt = load_gphyt(reference);
  auto const x = input(reference);
  auto const derivatives = gphyt->derivatives_of(x);
  GphytTrace trace;
  auto const rate =
      gphyt->differentiate(x, derivatives, GphytFrames::all, plain_gphyt_pass(x), &trace);
  std::map<std::string, at::Tensor> ours = {{"tokens", trace.tokens},
                                            {"after_block0", trace.after_block0},
                                            {"after_blocks", trace.after_blocks},
                                            {"differentiate", channels_last(rate)}};
  if (derivatives.defined()) {
    ours["derivatives_dt_dh_dw"] = channels_last(derivatives);
  }
  std::string const folder = "output/intermediate/";
  for (auto const& name : reference.names(folder)) {
    ASSERT_TRUE(ours.contains(name.substr(folder.size()))) << name;
    compare_values(reference, name, ours[name.substr(folder.size())]);
  }
  // The last frame alone, which the integrator's final stage asks for, is the same frame.
  auto const last = gphyt->differentiate(x, derivatives, GphytFrames::last, plain_gphyt_pass(x));
  expect_close(reference,
               "last frame alone",
               largest_difference(last, rate.narrow(1, rate.size(1) - 1, 1)),
               kValues);
}

void compare_gphyt_gradients(Reference const& reference) {
  auto const gphyt = load_gphyt(reference);
  predict(*gphyt, input(reference)).square().mean().backward();
  compare_gradients(reference, *gphyt, {.tolerance = kGradients});
}

void compare_gphyt_training(Reference const& reference) {
  auto const gphyt = load_gphyt(reference);
  auto const x = input(reference), y = target(reference);
  EXPECT_EQ(reference.texts.at("train/optimizer").at(0),
            "AdamW lr=1e-3 weight_decay=0.01 betas=(0.9,0.999) eps=1e-8, MSE(mean), eval() mode");
  reference.used.insert("train/optimizer");
  PlainAdamW optimizer(*gphyt, {});
  auto const losses = train(
      *gphyt,
      optimizer,
      [&] { return (predict(*gphyt, x) - y).square().mean(); },
      reference.tensor("train/loss").numel());
  compare_losses(reference, "train/loss", losses, kLosses);
  at::NoGradGuard const no_grad;
  compare_values(reference, "train/y_after_5_steps", channels_last(predict(*gphyt, x)));
}

void compare_gphyt_metrics(Reference const& reference) {
  std::string const folder = "output/metrics/";
  if (reference.names(folder).empty()) {
    return;
  }
  at::NoGradGuard const no_grad;
  auto const p = predict(*load_gphyt(reference), input(reference)).squeeze(1);
  auto const y = target(reference).squeeze(1);
  auto const mse = of_all("mse.gphyt", p, y);
  std::map<std::string, at::Tensor> ours = {
      {"MSE_per_sample_channel", of_samples("mse.gphyt", p, y)},
      {"NMSE_per_sample_channel", of_samples("nmse.gphyt", p, y)},
      {"VMSE_per_sample_channel", of_samples("vmse.gphyt", p, y)},
      {"scalar_MSE", at::scalar_tensor(mse, at::kDouble)},
      {"scalar_RMSE", at::scalar_tensor(std::sqrt(mse), at::kDouble)},
      {"scalar_MAE", at::scalar_tensor(of_all("mae", p, y), at::kDouble)}};
  for (auto const* name : {"NRMSE", "VRMSE", "RNMSE", "RVMSE"}) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
      return static_cast<char>(std::tolower(c));
    });
    ours[concat("scalar_", name)] = at::scalar_tensor(of_all(lower + ".gphyt", p, y), at::kDouble);
  }
  for (auto const& name : reference.names(folder)) {
    ASSERT_TRUE(ours.contains(name.substr(folder.size()))) << name;
    compare_relative(reference, name, ours[name.substr(folder.size())]);
  }
}

void compare_gphyt_rollout(Reference const& reference) {
  if (reference.names("output/rollout/").empty()) {
    return;
  }
  at::NoGradGuard const no_grad;
  auto const gphyt = load_gphyt(reference);
  auto const window = input(reference).narrow(0, 0, 1);
  auto const truth = channels_first(reference.tensor("output/rollout/truth"));  // (10, F, H, W)
  auto const own = [](int64_t, at::Tensor const& next) { return next; };
  auto const true_frame = [&](int64_t i, at::Tensor const&) {
    return truth[i].view({1, 1, truth.size(1), truth.size(2), truth.size(3)});
  };
  for (auto const& [form, predict] : forms_of(*gphyt)) {
    auto const free = roll(predict, window, truth.size(0), own);
    compare_values(reference, "output/rollout/pred", channels_last(free), kRollout, form);
    auto const forced = roll(predict, window, truth.size(0), true_frame);
    compare_values(
        reference, "output/rollout/teacher_forced", channels_last(forced), kRollout, form);
    for (auto const& [name, metric] : std::map<std::string, std::string>{
             {"MSE", "mse.gphyt"}, {"NMSE", "nmse.gphyt"}, {"VMSE", "vmse.gphyt"}}) {
      compare_relative(reference,
                       concat("output/rollout/", name, "_per_step_channel"),
                       of_samples(metric, free, truth),
                       form);
    }
  }
}

void compare_gphyt_directions(Reference const& reference) {
  auto const gphyt = load_gphyt(reference);
  gphyt->to(at::kDouble);
  auto const x = input(reference).to(at::kDouble);
  auto const pass = plain_gphyt_pass(x);
  auto const step = step_of(gphyt->settings());
  std::vector<at::Tensor> fixed;  // derivatives of every stage at the unmoved parameters
  auto const stage = [&](at::Tensor const& at_x, GphytFrames frames) {
    fixed.push_back(gphyt->derivatives_of(at_x));
    return gphyt->differentiate(at_x, fixed.back(), frames, pass);
  };
  {
    at::NoGradGuard const no_grad;
    EXPECT_EQ(largest_difference(integrate(step, x, stage), gphyt->forward(x, pass)), 0);
  }
  auto const loss = [&] {
    size_t next = 0;
    auto const rate = [&](at::Tensor const& at_x, GphytFrames frames) {
      return gphyt->differentiate(at_x, fixed.at(next++), frames, pass);
    };
    return integrate(step, x, rate).square().mean();
  };
  compare_directions(reference, *gphyt, loss, kDirections);
}

}  // namespace eddyline::parity
