#include "core/process_group.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

class ProcessGroup : public testing::Test {
 protected:
  Communicator world_ = Communicator::world();
  c10::intrusive_ptr<c10d::ProcessGroup> group_ = make_process_group(world_, {.piece_bytes = 64});
  int rank_ = world_.rank();
  int size_ = world_.size();
};

TEST_F(ProcessGroup, RunsEveryOperationThroughItsInterface) {
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

TEST_F(ProcessGroup, TakesTensorsThatAreNotContiguousOrWereMadeForInference) {
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

TEST_F(ProcessGroup, CompletesItsFutureWithTheTensors) {
  std::vector<at::Tensor> values = {at::ones({4})};
  auto const future = group_->allreduce(values)->getFuture();
  future->waitAndThrow();
  EXPECT_TRUE(
      at::equal(future->value().toTensorList().get(0), at::full({4}, static_cast<double>(size_))));
}

TEST_F(ProcessGroup, RefusesUndefinedReductionsBeforeAnythingIsSent) {
  std::vector<at::Tensor> values = {at::ones({4}, at::kComplexFloat)};
  EXPECT_THROW(group_->allreduce(values, {.reduceOp = c10d::ReduceOp::MAX}), Error);
  group_->barrier()->wait();
}

TEST_F(ProcessGroup, CountsCallsAndBytesOfEachOperation) {
  std::vector<at::Tensor> values = {at::ones({100})};
  group_->allreduce(values)->wait();
  group_->allreduce(values)->wait();
  group_->broadcast(values)->wait();
  auto const counters = counters_of(*group_);
  EXPECT_EQ(counters.operations.at("allreduce").calls, 2);
  EXPECT_EQ(counters.operations.at("allreduce").bytes, 800);
  EXPECT_EQ(counters.bytes(), 1200);
  EXPECT_GT(counters.seconds, 0);
}

TEST_F(ProcessGroup, SendsAndReceives) {
  if (size_ == 1) {
    GTEST_SKIP() << "needs two ranks";
  }
  std::vector<at::Tensor> values = {at::full({30}, static_cast<double>(rank_))};
  if (rank_ == 0) {
    group_->send(values, 1, 3)->wait();
  } else if (rank_ == 1) {
    group_->recv(values, 0, 3)->wait();
    EXPECT_TRUE(at::equal(values[0], at::zeros({30})));
  }
}

torch::nn::Sequential small_network() {
  torch::manual_seed(3);
  return torch::nn::Sequential(torch::nn::Linear(6, 40),
                               torch::nn::GELU(),
                               torch::nn::Linear(40, 30),
                               torch::nn::GELU(),
                               torch::nn::Linear(30, 2));
}

at::Tensor loss_of(torch::nn::Sequential& network, at::Tensor const& x, at::Tensor const& y) {
  return torch::nn::functional::mse_loss(network->forward(x), y);
}

TEST_F(ProcessGroup, LetsAReducerAverageGradientsAsOneProcessWould) {
  torch::manual_seed(4);
  auto const x = at::randn({8, 6});
  auto const y = at::randn({8, 2});
  auto alone = small_network();
  loss_of(alone, x, y).backward();

  auto network = small_network();
  auto const parameters = network->parameters();
  // Two buckets, last parameters first, as their gradients come.
  std::vector<std::vector<size_t>> const buckets = {{5, 4, 3}, {2, 1, 0}};
  c10d::Reducer reducer(parameters,
                        buckets,
                        group_,
                        std::vector<bool>(parameters.size(), false),
                        1 << 20,
                        false,
                        false,
                        {},
                        1 << 20,
                        false,
                        false,
                        {});
  auto const share = 8 / size_;
  auto const loss =
      loss_of(network, x.narrow(0, rank_ * share, share), y.narrow(0, rank_ * share, share));
  reducer.prepare_for_backward({});
  loss.backward();
  auto const expected = alone->parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    // Gradients are of order 0.1; float32 sums over 8 samples in another order differ by a few ulp.
    EXPECT_TRUE(at::allclose(parameters[i].grad(), expected[i].grad(), 1e-5, 1e-7))
        << "parameter " << i;
  }
  EXPECT_GE(counters_of(*group_).operations.at("allreduce").calls, 2);
}

}  // namespace
}  // namespace eddyline
