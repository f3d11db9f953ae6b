#include "surrogates/script/script.hpp"

#include <mutex>

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include "core/checksum.hpp"
#include "core/error.hpp"
#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/script/module_tree.hpp"
#include "surrogates/trust.hpp"

namespace eddyline {
namespace {

constexpr char const* kSignature =
    "forward(input: Tensor, lead_time: Tensor) -> Tensor, with input (B, Ti, Ci, D, H, W), "
    "lead_time (B) and an output (B, To, Co, D, H, W)";

/// What TorchScript throws becomes an Error: the file is the user's.
template <class Action>
auto translated(std::string const& what, Action&& action) {
  try {
    return action();
  } catch (Exception const&) {
    throw;
  } catch (c10::Error const& error) {
    throw Error(concat(what, ": ", error.what_without_backtrace()));
  } catch (std::exception const& error) {
    throw Error(concat(what, ": ", error.what()));
  }
}

/// Matrix products and convolutions in bfloat16 as torch.autocast does it, while this object lives.
class Autocast {
 public:
  Autocast(at::DeviceType device, Precision precision)
      : device_(device),
        was_on_(at::autocast::is_autocast_enabled(device)),
        was_(at::autocast::get_autocast_dtype(device)) {
    at::autocast::set_autocast_enabled(device_, precision == Precision::bf16);
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  }
  ~Autocast() {
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, was_on_);
    at::autocast::set_autocast_dtype(device_, was_);
  }
  Autocast(Autocast const&) = delete;
  Autocast& operator=(Autocast const&) = delete;

 private:
  at::DeviceType device_;
  bool was_on_;
  at::ScalarType was_;
};

/// Sets torch's generator of a device from a key, and back at the end: a resumed run draws the
/// numbers of the unbroken one.
class SeededGenerator {
 public:
  SeededGenerator(at::Device device, RandomKey const& key, int64_t sample)
      : generator_(at::globalContext().defaultGenerator(device)) {
    auto const words = philox(key, static_cast<uint64_t>(sample), 0);
    std::lock_guard const lock(generator_.mutex());
    before_ = generator_.get_state();
    generator_.set_current_seed(uint64_t{words[0]} << 32 | words[1]);
  }
  ~SeededGenerator() {
    std::lock_guard const lock(generator_.mutex());
    generator_.set_state(before_);
  }
  SeededGenerator(SeededGenerator const&) = delete;
  SeededGenerator& operator=(SeededGenerator const&) = delete;

 private:
  at::Generator generator_;
  at::Tensor before_;
};

/// The module; sets the checksum.
torch::jit::Module load_script(ScriptConfig& config) {
  require(trust() == Trust::given,
          "the network is the code in '",
          config.file,
          "', which could do anything that you can do; if you know who made it, add --trust to the "
          "command");
  auto const sum = checksum_text(checksum_file(config.file));
  require(config.checksum.empty() || config.checksum == sum,
          "'",
          config.file,
          "' is not the file that the model was made with: its checksum is ",
          sum,
          ", not ",
          config.checksum,
          " (model.checksum); put that file there, or train anew without model.checksum");
  config.checksum = sum;
  require(is_torchscript(config.file),
          "'",
          config.file,
          "' holds no TorchScript module; export one with torch.jit.script(net).save(file)");
  return translated(concat("'", config.file, "' cannot be loaded as a TorchScript module"),
                    [&] { return torch::jit::load(config.file); });
}

void check_signature(torch::jit::Module const& module, std::string const& file) {
  auto const method = module.find_method("forward");
  bool fits = method.has_value();
  if (fits) {
    auto const& schema = method->function().getSchema();
    auto const& arguments = schema.arguments();
    fits = arguments.size() >= 3 && schema.returns().size() == 1;
    for (size_t i = 1; i < arguments.size() && fits; ++i) {
      bool const is_tensor = arguments[i].type()->isSubtypeOf(*c10::TensorType::get());
      fits = i < 3 ? is_tensor : arguments[i].default_value().has_value();
    }
  }
  require(fits, "'", file, "' has no method ", kSignature);
}

}  // namespace

Script::Script(ScriptConfig const& config, SurrogateSpec const& spec)
    : Surrogate("script"),
      config_(checked(config)),
      constants_(config.constants == Extras::fields ? spec.constant_fields.channels() : 0),
      outputs_(spec.output_fields.channels()),
      module_(load_script(config_)),
      learning_{.name = "all"} {
  check_signature(module_, config_.file);
  with_context([&] { adopt(*this, module_); }, "reading '", config_.file, "'");
  for (auto const& item : named_parameters()) {
    if (item.value().requires_grad()) {
      learning_.parameters.push_back(item.key());
    }
  }
}

at::Tensor Script::input_of(Batch const& batch) const {
  auto const& input = batch.input;
  require(input.size(1) == config_.history,
          "the batch has ",
          input.size(1),
          " input frames, model.history is ",
          config_.history);
  if (constants_ == 0) {
    return input;
  }
  auto const& constants = batch.constants;
  require(constants.defined() && constants.size(1) == constants_,
          "the batch has ",
          constants.defined() ? constants.size(1) : 0,
          " constant fields, the model was made for ",
          constants_);
  auto const every_frame = constants.to(input.scalar_type())
                               .unsqueeze(1)
                               .expand({input.size(0),
                                        input.size(1),
                                        constants_,
                                        input.size(3),
                                        input.size(4),
                                        input.size(5)});
  return at::cat({input, every_frame}, 2);
}

at::Tensor Script::predict(Batch const& batch, Context const& context) {
  auto const input = input_of(batch);
  module_.train(is_training());
  auto const device = input.device();
  auto const first = batch.sample_ids.empty() ? 0 : batch.sample_ids.front();
  SeededGenerator const draws(device, context.random, first);
  Autocast const casts(device.type(), context.precision);
  // The graph as it is written: specialising it to the shapes seen would make the first calls of a
  // resumed run differ from the same calls of the unbroken one.
  torch::jit::GraphOptimizerEnabledGuard const plain(false);
  auto const result = translated(concat("forward() of '", config_.file, "' failed"), [&] {
    return module_.forward({input, batch.lead_time.to(input.options())});
  });
  auto const shape = result.isTensor() ? result.toTensor().sizes().vec() : std::vector<int64_t>();
  bool const fits = shape.size() == 6 && shape[0] == input.size(0) && shape[1] >= 1 &&
                    shape[2] == outputs_ && shape[3] == input.size(3) &&
                    shape[4] == input.size(4) && shape[5] == input.size(5);
  require(fits,
          "forward() of '",
          config_.file,
          "' gave ",
          result.isTensor() ? concat("a tensor (", shape, ")") : result.tagKind(),
          " for an input (",
          input.sizes().vec(),
          "); it must give (B, To, Co, D, H, W) with ",
          outputs_,
          " channels Co");
  return result.toTensor().to(input.scalar_type());
}

std::vector<ParameterGroup> Script::parameter_groups() const {
  return {learning_};
}

std::string Script::config() const {
  return print_config(config_);
}

}  // namespace eddyline
