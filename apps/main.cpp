#include "core/communicator.hpp"
#include "core/error.hpp"

int main(int argc, char** argv) {
  eddyline::MpiSession const mpi(argc, argv);
  return 0;
}
