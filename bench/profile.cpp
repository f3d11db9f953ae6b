#include "bench/profile.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

namespace eddyline::bench {
namespace {

constexpr double kLeastShare = 0.005;  // of the lines that are printed
constexpr int kRepetitions = 5;
constexpr int64_t kMostRepeats = 100;  // of products too small to be timed alone

double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Sizes of `count` products (rows, summed) · (summed, columns).
struct Product {
  int64_t count = 0, rows = 0, summed = 0, columns = 0;
  double flops() const { return 2.0 * static_cast<double>(count * rows * summed * columns); }
};

struct Line {
  double seconds = 0;
  int64_t calls = 0;
  Product product;
};

struct Call {
  std::string name;
  Product product;
  double start = 0, inside = 0;  ///< inside: seconds of the operations that it called
};

struct Record {
  std::vector<Call> open;
  std::map<std::string, Line> lines;
};

Record* record = nullptr;  // callbacks of LibTorch are plain functions

/// Where the factors of the products stand among an operation's inputs.
std::optional<std::array<size_t, 2>> factors_of(std::string_view name) {
  if (name == "aten::mm" || name == "aten::bmm" || name == "mkldnn::_linear_pointwise" ||
      name == "eddyline::tile_product" || name.find("attention_for_cpu") != name.npos) {
    return {{0, 1}};
  }
  if (name == "aten::addmm" || name == "aten::addmm_" || name == "aten::baddbmm" ||
      name == "aten::baddbmm_") {
    return {{1, 2}};
  }
  return std::nullopt;
}

Product product_of(std::string_view name, c10::ArrayRef<c10::IValue const> inputs) {
  auto const factors = factors_of(name);
  if (!factors || inputs.size() <= (*factors)[1] || !inputs[(*factors)[0]].isTensor() ||
      !inputs[(*factors)[1]].isTensor()) {
    return {};
  }
  auto const a = inputs[(*factors)[0]].toTensor().sizes(),
             b = inputs[(*factors)[1]].toTensor().sizes();
  if (a.size() == 4) {  // attention: queries with keys, and shares with values
    return {.count = 2 * a[0] * a[1], .rows = a[2], .summed = a[3], .columns = b[2]};
  }
  if (a.size() == 3) {
    return {.count = a[0], .rows = a[1], .summed = a[2], .columns = b[2]};
  }
  bool const by_rows = name.starts_with("mkldnn");  // the second factor is (columns, summed)
  return {.count = 1, .rows = a[0], .summed = a[1], .columns = by_rows ? b[0] : b[1]};
}

std::string name_of(std::string_view name, Product const& product) {
  std::string text(name);
  if (product.count > 0) {
    text += ' ' + std::to_string(product.rows) + 'x' + std::to_string(product.summed) + 'x' +
            std::to_string(product.columns);
    text += product.count > 1 ? " x" + std::to_string(product.count) : "";
  }
  return text;
}

std::unique_ptr<at::ObserverContext> begin(at::RecordFunction const& function) {
  auto const product = product_of(function.name(), function.inputs());
  record->open.push_back(
      {.name = name_of(function.name(), product), .product = product, .start = now()});
  return nullptr;
}

void end(at::RecordFunction const& /*function*/, at::ObserverContext* /*context*/) {
  auto const call = record->open.back();
  record->open.pop_back();
  auto const seconds = now() - call.start;
  auto& line = record->lines[call.name];
  line.seconds += seconds - call.inside;
  line.product = call.product;
  ++line.calls;
  if (!record->open.empty()) {
    record->open.back().inside += seconds;
  }
}

/// GFLOP/s of at::mm alone.
double reachable(Product const& of) {
  at::NoGradGuard const no_grad;
  auto const a = at::randn({of.rows, of.summed}), b = at::randn({of.summed, of.columns});
  auto const out = at::empty({of.rows, of.columns});
  auto const once = of.flops() / static_cast<double>(of.count);
  auto const repeats = std::clamp<int64_t>(static_cast<int64_t>(1e8 / once), 1, kMostRepeats);
  double best = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    auto const start = now();
    for (int64_t r = 0; r < repeats; ++r) {
      auto result = out;
      at::mm_out(result, a, b);
    }
    best = std::max(best, 1e-9 * once * static_cast<double>(repeats) / (now() - start));
  }
  return best;
}

std::string text_of(Record const& seen, double total) {
  std::vector<std::pair<std::string, Line>> lines(seen.lines.begin(), seen.lines.end());
  std::sort(lines.begin(), lines.end(), [](auto const& a, auto const& b) {
    return a.second.seconds > b.second.seconds;
  });
  std::array<char, 200> buffer{};
  std::string text;
  auto left = total;
  for (auto const& [name, line] : lines) {
    if (line.seconds < kLeastShare * total) {
      continue;
    }
    left -= line.seconds;
    std::snprintf(buffer.data(),
                  buffer.size(),
                  "    %5.1f %% %9.2f ms %6ld  %s",
                  100 * line.seconds / total,
                  1e3 * line.seconds,
                  static_cast<long>(line.calls),
                  name.c_str());
    text += buffer.data();
    if (line.product.count > 0) {
      auto const rate =
          1e-9 * line.product.flops() * static_cast<double>(line.calls) / line.seconds;
      std::snprintf(buffer.data(),
                    buffer.size(),
                    "  %.0f GFLOP/s, at::mm %.0f",
                    rate,
                    reachable(line.product));
      text += buffer.data();
    }
    text += '\n';
  }
  std::snprintf(buffer.data(),
                buffer.size(),
                "    %5.1f %% %9.2f ms         all else\n",
                100 * left / total,
                1e3 * left);
  return text + buffer.data();
}

}  // namespace

std::string profile_of(std::function<void()> const& action) {
  action();
  Record seen;
  record = &seen;
  auto const handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(begin, end).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  auto const start = now();
  action();
  auto const total = now() - start;
  at::removeCallback(handle);
  record = nullptr;
  return text_of(seen, total);
}

}  // namespace eddyline::bench
