// Runs GoogleTest under MPI: every rank runs every test; a failure on any rank fails the program.
#include <iostream>

#include <gtest/gtest.h>

#include "core/communicator.hpp"
#include "core/ending.hpp"
#include "core/log.hpp"

namespace {

int run_tests(int argc, char** argv) {
  eddyline::MpiSession const mpi(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  auto const world = eddyline::Communicator::world();
  eddyline::start_log(world);
  if (!world.is_root()) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    // Other ranks speak only of their failures, so that the log stays readable.
    class FailuresOnly : public testing::EmptyTestEventListener {
     public:
      explicit FailuresOnly(int rank) : rank_(rank) {}
      void OnTestPartResult(testing::TestPartResult const& result) override {
        if (result.failed()) {
          std::cout << "[rank " << rank_ << "] " << (result.file_name() ? result.file_name() : "")
                    << ":" << result.line_number() << ": " << result.summary() << std::endl;
        }
      }

     private:
      int rank_;
    };
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOnly(world.rank()));
  }
  int const failed = RUN_ALL_TESTS();
  return static_cast<int>(world.all_reduce(static_cast<int64_t>(failed), eddyline::Reduction::max));
}

}  // namespace

int main(int argc, char** argv) {
  eddyline::leave(run_tests(argc, argv));
}
