#include "solvers/numerics/numpy_random.hpp"

#include <bit>
#include <cmath>

namespace eddyline {
namespace {

/// The hash of SeedSequence: every word is scrambled with a constant that itself moves on.
class SeedHash {
 public:
  SeedHash(uint32_t constant, uint32_t factor) : constant_(constant), factor_(factor) {}

  uint32_t operator()(uint32_t word) {
    word ^= constant_;
    constant_ *= factor_;
    word *= constant_;
    return word ^ (word >> 16);
  }

 private:
  uint32_t constant_;
  uint32_t factor_;
};

uint32_t mix(uint32_t kept, uint32_t added) {
  uint32_t const mixed = 0xca01f9ddU * kept - 0x4973f715U * added;
  return mixed ^ (mixed >> 16);
}

/// Four 64-bit words that SeedSequence(seed) hands to the bit generator.
std::array<uint64_t, 4> seed_words(uint64_t seed) {
  std::array<uint32_t, 4> const entropy = {
      static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), 0, 0};
  std::array<uint32_t, 4> pool{};
  SeedHash scramble(0x43b0d7e5U, 0x931e8875U);
  for (size_t i = 0; i < pool.size(); ++i) {
    pool[i] = scramble(entropy[i]);
  }
  for (size_t from = 0; from < pool.size(); ++from) {
    for (size_t to = 0; to < pool.size(); ++to) {
      if (from != to) {
        pool[to] = mix(pool[to], scramble(pool[from]));
      }
    }
  }
  std::array<uint64_t, 4> words{};
  SeedHash draw(0x8b51f9ddU, 0x58f38dedU);
  for (size_t i = 0; i < 8; ++i) {
    words[i / 2] |= static_cast<uint64_t>(draw(pool[i % 4])) << (32 * (i % 2));
  }
  return words;
}

constexpr double kMantissa = 4503599627370496.0;  // 2^52: integers that a layer's width divides
constexpr double kArea = 0.004928673233974652;    // of every layer

/// Rounded to double from extended precision, so that the tables do not hang on the C library's
/// last bit.
double rounded_exp(double x) {
  return static_cast<double>(std::exp(static_cast<long double>(x)));
}
double rounded_log(double x) {
  return static_cast<double>(std::log(static_cast<long double>(x)));
}

Ziggurat compute_tables() {
  std::array<double, 256> edge{};
  Ziggurat tables{};
  auto& height = tables.height;
  edge[255] = Ziggurat::kTailStart;
  height[255] = rounded_exp(-0.5 * edge[255] * edge[255]);
  for (size_t i = 254; i > 0; --i) {
    // The strip between two heights has the area edge * (difference of heights).
    edge[i] = std::sqrt(-2.0 * rounded_log(kArea / edge[i + 1] + height[i + 1]));
    height[i] = rounded_exp(-0.5 * edge[i] * edge[i]);
    if (i == 38) {
      // The published tables were made with a C library whose exp was one bit above here, and all
      // later layers follow from it.
      height[i] = std::nextafter(height[i], 1.0);
    }
  }
  edge[0] = kArea / height[255];  // of a rectangle with the area of strip and tail together
  height[0] = 1.0;
  for (size_t i = 0; i < 256; ++i) {
    tables.width[i] = edge[i] / kMantissa;
    double const inner = i == 0 ? edge[255] * height[255] / kArea : edge[i - 1] / edge[i];
    tables.inside[i] = i == 1 ? 0 : static_cast<uint64_t>(std::nearbyint(inner * kMantissa));
  }
  return tables;
}

}  // namespace

Ziggurat const& Ziggurat::numpy() {
  static Ziggurat const tables = compute_tables();
  return tables;
}

NumpyGenerator::NumpyGenerator(uint64_t seed) {
  auto const words = seed_words(seed);
  auto const start = (static_cast<Word>(words[0]) << 64) | words[1];
  auto const stream = (static_cast<Word>(words[2]) << 64) | words[3];
  increment_ = (stream << 1) | 1;
  integer();
  state_ += start;
  integer();
}

uint64_t NumpyGenerator::integer() {
  constexpr auto kFactor =
      (static_cast<Word>(2549297995355413924ULL) << 64) | 4865540595714422341ULL;
  state_ = state_ * kFactor + increment_;
  auto const folded = static_cast<uint64_t>(state_ >> 64) ^ static_cast<uint64_t>(state_);
  return std::rotr(folded, static_cast<int>(state_ >> 122));
}

double NumpyGenerator::random() {
  return static_cast<double>(integer() >> 11) * 0x1.0p-53;
}

double NumpyGenerator::uniform(double low, double high) {
  return low + (high - low) * random();
}

double NumpyGenerator::standard_normal() {
  auto const& tables = Ziggurat::numpy();
  while (true) {
    // One integer gives the layer (8 bits), the sign (1) and the abscissa (52).
    auto const bits = integer();
    auto const layer = static_cast<size_t>(bits & 0xff);
    auto const magnitude = (bits >> 9) & 0x000fffffffffffffULL;
    double const size = static_cast<double>(magnitude) * tables.width[layer];
    double const value = (bits >> 8) & 1 ? -size : size;
    if (magnitude < tables.inside[layer]) {
      return value;
    }
    if (layer == 0) {
      return normal_tail(magnitude);
    }
    double const low = tables.height[layer];
    double const high = tables.height[layer - 1];
    if ((high - low) * random() + low < std::exp(-0.5 * value * value)) {
      return value;
    }
  }
}

/// Marsaglia's method for the tail; numpy takes the sign from a bit of the integer that led here.
double NumpyGenerator::normal_tail(uint64_t magnitude) {
  constexpr double kInverseStart = 0.27366123732975828;  // 1 / kTailStart
  while (true) {
    double const beyond = -kInverseStart * std::log1p(-random());
    double const limit = -std::log1p(-random());
    if (limit + limit > beyond * beyond) {
      double const value = Ziggurat::kTailStart + beyond;
      return (magnitude >> 8) & 1 ? -value : value;
    }
  }
}

void NumpyGenerator::fill_standard_normal(std::span<double> values) {
  for (auto& value : values) {
    value = standard_normal();
  }
}

}  // namespace eddyline
