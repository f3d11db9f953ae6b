#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace eddyline {

/// The stream of numpy's `default_rng(seed)`, bit for bit: initial data of published sets are named
/// by such seeds. One object is one stream; draws depend on what was drawn before.
///
/// Seeding: the mixing hash of numpy's SeedSequence (M. E. O'Neill's seed_seq alternative, 2015).
/// Integers: PCG64 = PCG XSL-RR 128/64 (O'Neill 2014, HMC-CS-2014-0905).
/// Normals: ziggurat of 256 layers (Marsaglia & Tsang 2000, J. Stat. Softw. 5(8)) on 52-bit
/// integers.
class NumpyGenerator {
 public:
  explicit NumpyGenerator(uint64_t seed);

  /// 64 random bits.
  uint64_t integer();
  /// Uniform on [0, 1), 53 bits: `generator.random()`.
  double random();
  /// Uniform on [low, high): `generator.uniform(low, high)`.
  double uniform(double low, double high);
  /// Standard normal: `generator.standard_normal()`.
  double standard_normal();
  /// As many draws of standard_normal(), in memory order.
  void fill_standard_normal(std::span<double> values);

 private:
  __extension__ using Word = unsigned __int128;
  double normal_tail(uint64_t magnitude);

  Word state_ = 0;
  Word increment_ = 0;
};

/// Tables of the ziggurat, layer 0 at the bottom (with the tail), 255 the narrowest strip above it.
struct Ziggurat {
  static constexpr double kTailStart = 3.6541528853610088;  ///< where layer 0 ends

  std::array<uint64_t, 256> inside;  ///< 52-bit integers below it lie under the curve for sure
  std::array<double, 256> width;     ///< times a 52-bit integer: abscissa
  std::array<double, 256> height;    ///< of the curve at the layer's edge

  /// Those that numpy uses, computed once.
  static Ziggurat const& numpy();
};

}  // namespace eddyline
