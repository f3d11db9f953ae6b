#include "core/mpi_collectives.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using Operation = MpiCollectives::Operation;

void check(int code, char const* call) {
  if (code != MPI_SUCCESS) {
    std::array<char, MPI_MAX_ERROR_STRING> text{};
    int length = 0;
    MPI_Error_string(code, text.data(), &length);
    throw Failure(concat(call, " failed: ", std::string(text.data(), static_cast<size_t>(length))));
  }
}

bool is_narrow_float(at::ScalarType type) {
  return type == at::kBFloat16 || type == at::kHalf;
}

std::string name_of(Operation operation) {
  switch (operation) {
    case Operation::SUM:
      return "sum";
    case Operation::AVG:
      return "average";
    case Operation::PRODUCT:
      return "product";
    case Operation::MIN:
      return "min";
    case Operation::MAX:
      return "max";
    case Operation::BAND:
      return "bitwise and";
    case Operation::BOR:
      return "bitwise or";
    case Operation::BXOR:
      return "bitwise xor";
    default:
      return concat("number ", static_cast<int>(operation));
  }
}

MPI_Datatype mpi_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return MPI_FLOAT;
    case at::kDouble:
      return MPI_DOUBLE;
    case at::kComplexFloat:
      return MPI_C_FLOAT_COMPLEX;
    case at::kComplexDouble:
      return MPI_C_DOUBLE_COMPLEX;
    case at::kByte:
      return MPI_UINT8_T;
    case at::kChar:
      return MPI_INT8_T;
    case at::kShort:
      return MPI_INT16_T;
    case at::kInt:
      return MPI_INT32_T;
    case at::kLong:
      return MPI_INT64_T;
    case at::kBool:
      return MPI_C_BOOL;
    default:
      return MPI_DATATYPE_NULL;
  }
}

MPI_Op mpi_operation(Operation operation, at::ScalarType type) {
  bool const is_bool = type == at::kBool;
  switch (operation) {
    case Operation::SUM:
    case Operation::AVG:
      return is_bool ? MPI_LOR : MPI_SUM;
    case Operation::PRODUCT:
      return is_bool ? MPI_LAND : MPI_PROD;
    case Operation::MAX:
      return is_bool ? MPI_LOR : MPI_MAX;
    case Operation::MIN:
      return is_bool ? MPI_LAND : MPI_MIN;
    case Operation::BAND:
      return MPI_BAND;
    case Operation::BOR:
      return MPI_BOR;
    case Operation::BXOR:
      return MPI_BXOR;
    default:
      return MPI_OP_NULL;
  }
}

bool is_allowed(Operation operation, at::ScalarType type) {
  bool const is_whole = at::isIntegralType(type, /*includeBool=*/false);
  switch (operation) {
    case Operation::SUM:
    case Operation::PRODUCT:
      return true;
    case Operation::AVG:
      return at::isFloatingType(type) || at::isComplexType(type);
    case Operation::MIN:
    case Operation::MAX:
      return !at::isComplexType(type);
    case Operation::BAND:
    case Operation::BOR:
    case Operation::BXOR:
      return is_whole;
    default:
      return false;
  }
}

char* bytes_of(at::Tensor const& tensor) {
  return static_cast<char*>(tensor.data_ptr());
}

/// MPI's type for `count` bytes whose repetitions lie `stride` bytes apart.
class StridedBytes {
 public:
  StridedBytes(int count, int64_t stride) {
    MPI_Datatype plain = MPI_DATATYPE_NULL;
    check(MPI_Type_contiguous(count, MPI_BYTE, &plain), "MPI_Type_contiguous");
    check(MPI_Type_create_resized(plain, 0, stride, &type_), "MPI_Type_create_resized");
    MPI_Type_free(&plain);
    check(MPI_Type_commit(&type_), "MPI_Type_commit");
  }
  StridedBytes(StridedBytes const&) = delete;
  StridedBytes& operator=(StridedBytes const&) = delete;
  ~StridedBytes() { MPI_Type_free(&type_); }
  MPI_Datatype type() const { return type_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

}  // namespace

MpiCollectives::MpiCollectives(Communicator communicator, int64_t piece_bytes)
    : communicator_(std::move(communicator)), piece_bytes_(piece_bytes) {
  EDDYLINE_ENSURE(
      piece_bytes_ > 0 && piece_bytes_ <= int64_t{1} << 30, "piece_bytes is ", piece_bytes_);
  MPI_Comm_set_errhandler(communicator_.handle(), MPI_ERRORS_RETURN);
}

void MpiCollectives::check_reduction(Operation operation, at::ScalarType type) {
  bool const known = is_narrow_float(type) || mpi_type(type) != MPI_DATATYPE_NULL;
  require(known && is_allowed(operation, type),
          "the reduction '",
          name_of(operation),
          "' of ",
          c10::toString(type),
          " values over ranks is not there; it takes sum and product of any numbers, average of "
          "real and complex ones, min "
          "and max of real ones, bitwise operations of whole ones");
}

/// Calls `action(first, count)` for pieces of `count` elements; at least one element a piece.
template <class Action>
void MpiCollectives::for_each_piece(int64_t count, int64_t element_bytes, Action action) const {
  auto const most = std::max<int64_t>(1, piece_bytes_ / element_bytes);
  for (int64_t first = 0; first < count; first += most) {
    action(first, std::min(most, count - first));
  }
}

void MpiCollectives::all_reduce(at::Tensor const& data, Operation operation) const {
  auto const type = data.scalar_type();
  check_reduction(operation, type);
  auto const flat = data.view(-1);
  bool const is_narrow = is_narrow_float(type);
  auto const sum_type = is_narrow ? at::kFloat : type;
  for_each_piece(flat.numel(),
                 static_cast<int64_t>(c10::elementSize(sum_type)),
                 [&](int64_t first, int64_t count) {
                   auto const piece = flat.narrow(0, first, count);
                   auto const sums = is_narrow ? piece.to(at::kFloat) : piece;
                   check(MPI_Allreduce(MPI_IN_PLACE,
                                       sums.data_ptr(),
                                       static_cast<int>(count),
                                       mpi_type(sum_type),
                                       mpi_operation(operation, sum_type),
                                       communicator_.handle()),
                         "MPI_Allreduce");
                   if (operation == Operation::AVG) {
                     sums.div_(communicator_.size());
                   }
                   if (is_narrow) {
                     piece.copy_(sums);
                   }
                 });
}

void MpiCollectives::reduce_scatter(at::Tensor const& output,
                                    at::Tensor const& input,
                                    Operation operation) const {
  auto const type = input.scalar_type();
  check_reduction(operation, type);
  auto const ranks = communicator_.size();
  auto const parts = input.view({ranks, -1});
  auto const out = output.view(-1);
  auto const sum_type = is_narrow_float(type) ? at::kFloat : type;
  auto const element_bytes = static_cast<int64_t>(c10::elementSize(sum_type)) * ranks;
  for_each_piece(out.numel(), element_bytes, [&](int64_t first, int64_t count) {
    auto const piece = parts.narrow(1, first, count).to(sum_type).contiguous();
    auto const sums = at::empty({count}, piece.options());
    check(MPI_Reduce_scatter_block(piece.data_ptr(),
                                   sums.data_ptr(),
                                   static_cast<int>(count),
                                   mpi_type(sum_type),
                                   mpi_operation(operation, sum_type),
                                   communicator_.handle()),
          "MPI_Reduce_scatter_block");
    if (operation == Operation::AVG) {
      sums.div_(ranks);
    }
    out.narrow(0, first, count).copy_(sums);
  });
}

void MpiCollectives::broadcast(at::Tensor const& data, int root) const {
  for_each_piece(static_cast<int64_t>(data.nbytes()), 1, [&](int64_t first, int64_t count) {
    check(MPI_Bcast(bytes_of(data) + first,
                    static_cast<int>(count),
                    MPI_BYTE,
                    root,
                    communicator_.handle()),
          "MPI_Bcast");
  });
}

void MpiCollectives::all_gather(at::Tensor const& output, at::Tensor const& input) const {
  auto const part_bytes = static_cast<int64_t>(input.nbytes());
  for_each_piece(part_bytes, communicator_.size(), [&](int64_t first, int64_t count) {
    StridedBytes const strided(static_cast<int>(count), part_bytes);
    check(MPI_Allgather(bytes_of(input) + first,
                        static_cast<int>(count),
                        MPI_BYTE,
                        bytes_of(output) + first,
                        1,
                        strided.type(),
                        communicator_.handle()),
          "MPI_Allgather");
  });
}

namespace {

constexpr int kAllToAllTag = 32000;

std::vector<int64_t> offsets_of(std::vector<int64_t> const& parts) {
  std::vector<int64_t> offsets(parts.size(), 0);
  std::partial_sum(parts.begin(), parts.end() - 1, offsets.begin() + 1);
  return offsets;
}

void wait_all(std::vector<MPI_Request>& requests) {
  check(MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE),
        "MPI_Waitall");
}

}  // namespace

void MpiCollectives::all_to_all(at::Tensor const& output,
                                at::Tensor const& input,
                                std::vector<int64_t> const& output_parts,
                                std::vector<int64_t> const& input_parts) const {
  auto const size = communicator_.size();
  auto const rank = communicator_.rank();
  auto const element = static_cast<int64_t>(input.element_size());
  auto const to = offsets_of(output_parts);
  auto const from = offsets_of(input_parts);
  std::vector<MPI_Request> requests;
  auto const each_piece = [&](char* data, int64_t elements, auto post) {
    for_each_piece(elements * element, 1, [&](int64_t first, int64_t count) {
      requests.emplace_back();
      post(data + first, static_cast<int>(count), &requests.back());
    });
  };
  for (int shift = 1; shift < size; ++shift) {
    auto const source = static_cast<size_t>((rank - shift + size) % size);
    each_piece(bytes_of(output) + to[source] * element,
               output_parts[source],
               [&](char* data, int count, MPI_Request* request) {
                 check(MPI_Irecv(data,
                                 count,
                                 MPI_BYTE,
                                 static_cast<int>(source),
                                 kAllToAllTag,
                                 communicator_.handle(),
                                 request),
                       "MPI_Irecv");
               });
  }
  for (int shift = 1; shift < size; ++shift) {
    auto const peer = static_cast<size_t>((rank + shift) % size);
    each_piece(bytes_of(input) + from[peer] * element,
               input_parts[peer],
               [&](char* data, int count, MPI_Request* request) {
                 check(MPI_Isend(data,
                                 count,
                                 MPI_BYTE,
                                 static_cast<int>(peer),
                                 kAllToAllTag,
                                 communicator_.handle(),
                                 request),
                       "MPI_Isend");
               });
  }
  auto const self = static_cast<size_t>(rank);
  std::memcpy(bytes_of(output) + to[self] * element,
              bytes_of(input) + from[self] * element,
              static_cast<size_t>(input_parts[self] * element));
  wait_all(requests);
}

void MpiCollectives::send(at::Tensor const& data, int destination, int tag) const {
  for_each_piece(static_cast<int64_t>(data.nbytes()), 1, [&](int64_t first, int64_t count) {
    check(MPI_Send(bytes_of(data) + first,
                   static_cast<int>(count),
                   MPI_BYTE,
                   destination,
                   tag,
                   communicator_.handle()),
          "MPI_Send");
  });
}

void MpiCollectives::receive(at::Tensor const& data, int source, int tag) const {
  for_each_piece(static_cast<int64_t>(data.nbytes()), 1, [&](int64_t first, int64_t count) {
    check(MPI_Recv(bytes_of(data) + first,
                   static_cast<int>(count),
                   MPI_BYTE,
                   source,
                   tag,
                   communicator_.handle(),
                   MPI_STATUS_IGNORE),
          "MPI_Recv");
  });
}

void MpiCollectives::barrier() const {
  check(MPI_Barrier(communicator_.handle()), "MPI_Barrier");
}

}  // namespace eddyline
