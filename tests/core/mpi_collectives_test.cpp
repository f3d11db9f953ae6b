#include "core/mpi_collectives.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using Operation = MpiCollectives::Operation;

/// Pieces of 24 bytes cut every message here into many.
MpiCollectives collectives(int64_t piece_bytes = 24) {
  return MpiCollectives(Communicator::world(), piece_bytes);
}

std::vector<at::ScalarType> const kNumbers = {at::kFloat,
                                              at::kDouble,
                                              at::kComplexFloat,
                                              at::kComplexDouble,
                                              at::kBFloat16,
                                              at::kHalf,
                                              at::kByte,
                                              at::kChar,
                                              at::kShort,
                                              at::kInt,
                                              at::kLong};

TEST(MpiCollectives, SumsAndProductsOfEveryTypeEqualTheirDefinition) {
  auto const group = collectives();
  auto const size = group.communicator().size();
  for (auto const type : kNumbers) {
    // Small whole numbers, exact in every type.
    auto const base = at::arange(37).remainder(3);
    auto sum = (base + group.communicator().rank()).to(type);
    auto product = at::full({37}, 2).to(type);
    group.all_reduce(sum, Operation::SUM);
    group.all_reduce(product, Operation::PRODUCT);
    EXPECT_TRUE(at::equal(sum, (base * size + size * (size - 1) / 2).to(type)))
        << c10::toString(type);
    EXPECT_TRUE(at::equal(product, at::full({37}, 1 << size).to(type))) << c10::toString(type);
  }
}

int64_t free_memory() {
  std::ifstream in("/proc/meminfo");
  for (std::string name, unit; in >> name;) {
    int64_t kilobytes = 0;
    in >> kilobytes >> unit;
    if (name == "MemAvailable:") {
      return kilobytes * 1024;
    }
  }
  return 0;
}

/// Nearly all are zero, and are looked at in eights; at::sum would make a copy of eight times the
/// size.
int64_t sum_of(at::Tensor const& bytes) {
  auto const* const first = bytes.data_ptr<uint8_t>();
  auto const whole = bytes.numel() / 8 * 8;
  auto sum = std::accumulate(first + whole, first + bytes.numel(), int64_t{0});
  for (int64_t i = 0; i < whole; i += 8) {
    uint64_t eight = 0;
    std::memcpy(&eight, first + i, sizeof(eight));
    sum += eight == 0 ? 0 : std::accumulate(first + i, first + i + 8, int64_t{0});
  }
  return sum;
}

// More elements than 32 bits count, in pieces as they are cut in earnest.
TEST(MpiCollectives, MoreElementsThan32BitsCountAreAllMovedOnTwoRanks) {
  constexpr int64_t kMany = (int64_t{1} << 31) + 5;
  constexpr int64_t kGibibyte = int64_t{1} << 30;
  MpiCollectives const group(Communicator::world(), kGibibyte);
  auto const& world = group.communicator();
  auto const available = world.all_reduce(free_memory(), Reduction::min);
  if (available < 10 * kGibibyte) {
    GTEST_SKIP() << "needs 10 GiB of free memory";
  }
  auto data = at::zeros({kMany}, at::kByte);
  auto const mark = [&](int64_t first, int value) {
    data[first] = value;
    data[kMany - 1] = value + 1;
  };
  mark(3, world.rank() + 1);
  group.all_reduce(data, Operation::SUM);
  EXPECT_EQ(data[3].item<int>(), 3);
  EXPECT_EQ(data[kMany - 1].item<int>(), 5);
  EXPECT_EQ(sum_of(data), 8);
  mark(3, world.rank() == 1 ? 20 : 0);
  group.broadcast(data, 1);
  EXPECT_EQ(data[3].item<int>(), 20);
  EXPECT_EQ(data[kMany - 1].item<int>(), 21);
  auto const half = kMany / 2 + 1;  // the output has more than 2^31 elements
  data = at::zeros({half}, at::kByte);
  data[half - 1] = world.rank() + 7;
  auto const all = at::empty({2 * half}, at::kByte);
  group.all_gather(all, data);
  EXPECT_EQ(all[half - 1].item<int>(), 7);
  EXPECT_EQ(all[2 * half - 1].item<int>(), 8);
  EXPECT_EQ(sum_of(all), 15);
}

TEST(MpiCollectives, MaximaAndMinimaOfRealTypesEqualTheirDefinition) {
  auto const group = collectives();
  auto const size = group.communicator().size();
  for (auto const type : kNumbers) {
    if (at::isComplexType(type)) {
      continue;
    }
    auto const values = (at::arange(10) + group.communicator().rank()).to(type);
    auto largest = values.clone();
    auto smallest = values.clone();
    group.all_reduce(largest, Operation::MAX);
    group.all_reduce(smallest, Operation::MIN);
    EXPECT_TRUE(at::equal(largest, (at::arange(10) + size - 1).to(type))) << c10::toString(type);
    EXPECT_TRUE(at::equal(smallest, at::arange(10).to(type))) << c10::toString(type);
  }
}

TEST(MpiCollectives, BoolsReduceToAnyAndAll) {
  auto const group = collectives(2);
  auto const is_last = group.communicator().rank() == group.communicator().size() - 1;
  auto const one = at::tensor({1, 0, int{is_last}}).to(at::kBool);
  auto any = one.clone();
  auto all = one.clone();
  group.all_reduce(any, Operation::SUM);
  group.all_reduce(all, Operation::MIN);
  EXPECT_TRUE(at::equal(any, at::tensor({1, 0, 1}).to(at::kBool)));
  EXPECT_TRUE(
      at::equal(all, at::tensor({1, 0, int{group.communicator().size() == 1}}).to(at::kBool)));
}

TEST(MpiCollectives, AverageDividesByTheRanks) {
  auto const group = collectives();
  for (auto const type : {at::kFloat, at::kBFloat16, at::kComplexDouble}) {
    auto values = at::full({9}, 2 * group.communicator().rank()).to(type);
    group.all_reduce(values, Operation::AVG);
    EXPECT_TRUE(at::equal(values, at::full({9}, group.communicator().size() - 1).to(type)));
  }
}

TEST(MpiCollectives, Bfloat16IsRoundedOnceOnly) {
  auto const group = collectives();
  auto const size = group.communicator().size();
  // 256 + 1 is not a bfloat16: adding rank by rank in bfloat16 would lose every 1.
  auto values = at::full({3}, group.communicator().is_root() ? 256.0 : 1.0, at::kBFloat16);
  group.all_reduce(values, Operation::SUM);
  EXPECT_TRUE(at::equal(values, at::full({3}, 255.0 + size, at::kFloat).to(at::kBFloat16)));
}

TEST(MpiCollectives, BitwiseOperationsWorkOnWholeNumbers) {
  auto const group = collectives();
  auto values = at::full({5}, int64_t{1} << group.communicator().rank(), at::kLong);
  group.all_reduce(values, Operation::BOR);
  EXPECT_TRUE(
      at::equal(values, at::full({5}, (int64_t{1} << group.communicator().size()) - 1, at::kLong)));
}

std::string refusal(Operation operation, at::ScalarType type) {
  try {
    MpiCollectives::check_reduction(operation, type);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(MpiCollectives, UndefinedReductionsAreRefusedByName) {
  using testing::HasSubstr;
  EXPECT_THAT(refusal(Operation::MAX, at::kComplexFloat),
              HasSubstr("the reduction 'max' of ComplexFloat values over ranks is not there"));
  EXPECT_THAT(refusal(Operation::AVG, at::kLong), HasSubstr("'average' of Long"));
  EXPECT_THAT(refusal(Operation::BAND, at::kFloat), HasSubstr("'bitwise and' of Float"));
  EXPECT_THAT(refusal(Operation::PREMUL_SUM, at::kFloat), HasSubstr("'number 8' of Float"));
  EXPECT_THAT(refusal(Operation::SUM, at::kFloat8_e5m2), HasSubstr("'sum' of Float8_e5m2"));
}

TEST(MpiCollectives, BroadcastAndGatherKeepRankOrderInPieces) {
  auto const group = collectives();
  auto const rank = group.communicator().rank();
  auto const size = group.communicator().size();
  auto values = at::full({11}, rank, at::kDouble);
  group.broadcast(values, size - 1);
  EXPECT_TRUE(at::equal(values, at::full({11}, size - 1, at::kDouble)));

  auto const mine = at::arange(11, at::kDouble) + 100 * rank;
  auto all = at::empty({size, 11}, at::kDouble);
  group.all_gather(all, mine);
  for (int other = 0; other < size; ++other) {
    EXPECT_TRUE(at::equal(all[other], at::arange(11, at::kDouble) + 100 * other));
  }
}

TEST(MpiCollectives, ReduceScatterGivesEachRankItsPart) {
  for (auto const type : {at::kFloat, at::kBFloat16, at::kComplexDouble}) {
    auto const group = collectives();
    auto const rank = group.communicator().rank();
    auto const size = group.communicator().size();
    auto const input = (at::arange(size * 7).remainder(13) + rank).to(type);
    auto out = at::empty({7}, type);
    group.reduce_scatter(out, input, Operation::SUM);
    auto const expected = (at::arange(size * 7).remainder(13) * size + size * (size - 1) / 2)
                              .narrow(0, rank * 7, 7)
                              .to(type);
    EXPECT_TRUE(at::equal(out, expected)) << c10::toString(type);
  }
}

TEST(MpiCollectives, AllToAllMovesUnequalParts) {
  auto const group = collectives();
  auto const rank = group.communicator().rank();
  auto const size = group.communicator().size();
  // Rank i sends 3 i + j elements of value 10 i + j to rank j.
  std::vector<int64_t> sent;
  std::vector<int64_t> received;
  std::vector<at::Tensor> input;
  std::vector<at::Tensor> expected;
  for (int other = 0; other < size; ++other) {
    sent.push_back(3 * rank + other);
    input.push_back(at::full({sent.back()}, 10 * rank + other, at::kLong));
    received.push_back(3 * other + rank);
    expected.push_back(at::full({received.back()}, 10 * other + rank, at::kLong));
  }
  auto output = at::empty_like(at::cat(expected));
  group.all_to_all(output, at::cat(input), received, sent);
  EXPECT_TRUE(at::equal(output, at::cat(expected)));
}

TEST(MpiCollectives, SendReachesTheNeighbourOnManyRanks) {
  auto const group = collectives();
  auto const rank = group.communicator().rank();
  auto values = at::full({20}, rank, at::kFloat);
  if (rank == 0) {
    group.send(values, 1, 5);
  } else if (rank == 1) {
    group.receive(values, 0, 5);
    EXPECT_TRUE(at::equal(values, at::zeros({20})));
  }
  group.barrier();
}

}  // namespace
}  // namespace eddyline
