#include "core/mpi_backend.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

class BackendOverMpi : public testing::Test {
 protected:
  Communicator world_ = Communicator::world();
  c10::intrusive_ptr<c10d::ProcessGroup> group_ = make_process_group(world_, {.piece_bytes = 64});
  int rank_ = world_.rank();
  int size_ = world_.size();
};

TEST_F(BackendOverMpi, RunsEveryOperationThroughItsInterface) {
  std::vector<at::Tensor> sum = {at::full({5}, rank_ + 1.0)};
  group_->allreduce(sum)->wait();
  EXPECT_TRUE(at::equal(sum[0], at::full({5}, size_ * (size_ + 1) / 2.0)));

  std::vector<at::Tensor> sent = {at::full({3}, static_cast<double>(rank_))};
  group_->broadcast(sent, {.rootRank = size_ - 1})->wait();
  EXPECT_TRUE(at::equal(sent[0], at::full({3}, size_ - 1.0)));

  auto mine = at::full({2}, rank_, at::kLong);
  auto all = at::empty({size_, 2}, at::kLong);
  group_->_allgather_base(all, mine)->wait();
  EXPECT_TRUE(at::equal(all.select(1, 1), at::arange(size_)));

  std::vector<std::vector<at::Tensor>> lists = {{}};
  for (int i = 0; i < size_; ++i) {
    lists[0].push_back(at::empty({2}, at::kLong));
  }
  std::vector<at::Tensor> inputs = {mine};
  group_->allgather(lists, inputs)->wait();
  EXPECT_TRUE(at::equal(at::stack(lists[0]), all));

  auto parts = at::ones({size_, 4});
  auto part = at::empty({4});
  group_->_reduce_scatter_base(part, parts)->wait();
  EXPECT_TRUE(at::equal(part, at::full({4}, static_cast<double>(size_))));

  auto rows = at::arange(size_) + 10 * rank_;
  auto columns = at::empty({size_}, at::kLong);
  std::vector<int64_t> equal_parts;
  group_->alltoall_base(columns, rows, equal_parts, equal_parts)->wait();
  EXPECT_TRUE(at::equal(columns, 10 * at::arange(size_) + rank_));
  group_->barrier()->wait();
}

TEST_F(BackendOverMpi, TakesTensorsThatAreNotContiguousOrWereMadeForInference) {
  auto const whole = at::zeros({4, 6});
  std::vector<at::Tensor> column = {whole.select(1, 2)};
  column[0].fill_(1);
  group_->allreduce(column)->wait();
  EXPECT_EQ(whole.sum().item<double>(), 4.0 * size_);

  c10::InferenceMode const inference;
  std::vector<at::Tensor> values = {at::ones({4}).to(at::kBFloat16)};
  group_->allreduce(values, {.reduceOp = c10d::ReduceOp::AVG})->wait();
  EXPECT_TRUE(at::equal(values[0], at::ones({4}).to(at::kBFloat16)));
}

TEST_F(BackendOverMpi, CompletesItsFutureWithTheTensors) {
  std::vector<at::Tensor> values = {at::ones({4})};
  auto const future = group_->allreduce(values)->getFuture();
  future->waitAndThrow();
  EXPECT_TRUE(
      at::equal(future->value().toTensorList().get(0), at::full({4}, static_cast<double>(size_))));
}

TEST_F(BackendOverMpi, RefusesUndefinedReductionsBeforeAnythingIsSent) {
  std::vector<at::Tensor> values = {at::ones({4}, at::kComplexFloat)};
  EXPECT_THROW(group_->allreduce(values, {.reduceOp = c10d::ReduceOp::MAX}), Error);
  group_->barrier()->wait();
}

TEST_F(BackendOverMpi, SendsAndReceivesOnManyRanks) {
  std::vector<at::Tensor> values = {at::full({30}, static_cast<double>(rank_))};
  if (rank_ == 0) {
    group_->send(values, 1, 3)->wait();
  } else if (rank_ == 1) {
    group_->recv(values, 0, 3)->wait();
    EXPECT_TRUE(at::equal(values[0], at::zeros({30})));
  }
}

}  // namespace
}  // namespace eddyline
