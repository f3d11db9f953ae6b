#include "core/process_group.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

namespace eddyline {
namespace {

class ProcessGroup : public testing::Test {
 protected:
  Communicator world_ = Communicator::world();
  c10::intrusive_ptr<c10d::ProcessGroup> group_ = make_process_group(world_, {.piece_bytes = 64});
  int rank_ = world_.rank();
  int size_ = world_.size();
};

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

TEST_F(ProcessGroup, ForgetsTheTrafficOfTheProcessAndNotItsOwn) {
  std::vector<at::Tensor> values = {at::ones({100})};
  group_->allreduce(values)->wait();
  EXPECT_GE(traffic_of_process().at("other").calls, 1);
  forget_traffic_of_process();
  EXPECT_TRUE(traffic_of_process().empty());
  EXPECT_EQ(counters_of(*group_).operations.at("allreduce").calls, 1);
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
