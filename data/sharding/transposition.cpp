#include "data/sharding/transposition.hpp"

#include <numeric>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/process_group.hpp"
#include "data/sharding/exchange.hpp"

namespace eddyline {
namespace {

int64_t sum(std::vector<int64_t> const& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
}

at::ScalarType travelling(at::ScalarType type, Flight flight) {
  return flight == Flight::bf16 && at::isFloatingType(type) ? at::kBFloat16 : type;
}

}  // namespace

/// One way between two layouts: what was sent and what is to arrive.
struct OneWay {
  AxisParts line;
  Layout from, to;
  Flight flight = Flight::as_computed;
  char const* kind = "";

  std::vector<int64_t> arriving_sizes(at::Tensor const& x, int source) const {
    auto sizes = x.sizes().vec();
    sizes[static_cast<size_t>(from.axis)] = from.sizes[static_cast<size_t>(source)];
    sizes[static_cast<size_t>(to.axis)] = to.sizes[static_cast<size_t>(line.rank)];
    return sizes;
  }
  void check(at::Tensor const& x) const {
    EDDYLINE_ENSURE(x.dim() > std::max(from.axis, to.axis) &&
                        x.size(from.axis) == from.sizes[static_cast<size_t>(line.rank)] &&
                        x.size(to.axis) == sum(to.sizes),
                    "a tensor of ",
                    x.sizes().vec(),
                    " is not in the layout of axis ",
                    from.axis,
                    " in pieces of ",
                    from.sizes);
  }
};

struct Transposition::Pending::Journey {
  OneWay there, back;
  at::ScalarType type = at::kFloat;
  std::vector<std::vector<int64_t>> shapes;  ///< of the arriving pieces
  std::vector<at::Tensor> arriving;
  c10::intrusive_ptr<c10d::Work> work;

  void send(OneWay const& way, at::Tensor const& x);
  at::Tensor receive(OneWay const& way);
};

void Transposition::Pending::Journey::send(OneWay const& way, at::Tensor const& x) {
  way.check(x);
  type = x.scalar_type();
  auto const flying = x.to(travelling(type, way.flight));
  std::vector<at::Tensor> leaving;
  arriving.clear();
  std::vector<int64_t> rows_out, rows_in;
  for (auto const& piece : flying.split_with_sizes(way.to.sizes, way.to.axis)) {
    leaving.push_back(piece.reshape({-1}));
    rows_out.push_back(leaving.back().numel());
  }
  shapes.clear();
  for (int source = 0; source < way.line.ranks(); ++source) {
    shapes.push_back(way.arriving_sizes(x, source));
    rows_in.push_back(c10::multiply_integers(shapes.back()));
  }
  auto packed = at::cat(leaving);
  auto buffer = at::empty({sum(rows_in)}, packed.options());
  arriving = buffer.split_with_sizes(rows_in);
  TrafficKind const kind(way.kind);
  work = way.line.group->alltoall_base(buffer, packed, rows_in, rows_out);
}

at::Tensor Transposition::Pending::Journey::receive(OneWay const& way) {
  work->wait();
  work.reset();  // it holds the buffer
  std::vector<at::Tensor> pieces;
  for (size_t i = 0; i < arriving.size(); ++i) {
    pieces.push_back(arriving[i].view(shapes[i]));
  }
  arriving.clear();
  return at::cat(pieces, way.from.axis).to(type);
}

Transposition::Transposition(
    AxisParts const& line, Layout from, Layout to, Flight flight, char const* kind)
    : line_(line), from_(std::move(from)), to_(std::move(to)), flight_(flight), kind_(kind) {
  auto const ranks = static_cast<size_t>(line_.ranks());
  EDDYLINE_ENSURE(
      from_.axis != to_.axis && from_.sizes.size() == ranks && to_.sizes.size() == ranks,
      "a transposition from axis ",
      from_.axis,
      " to ",
      to_.axis,
      " on ",
      ranks,
      " ranks");
}

at::Tensor Transposition::operator()(at::Tensor const& x) const {
  if (x.is_complex()) {
    return at::view_as_complex(begin(at::view_as_real(x)).finish());
  }
  return begin(x).finish();
}

Transposition::Pending Transposition::begin(at::Tensor const& x) const {
  auto const journey = std::make_shared<Pending::Journey>();
  journey->there = {line_, from_, to_, flight_, kind_};
  journey->back = {line_, to_, from_, flight_, kind_};
  Pending pending;
  pending.journey_ = journey;
  pending.token_ = exchange(
      x,
      [journey](at::Tensor const& sent) {
        journey->send(journey->there, sent);
        return at::empty({0}, sent.options());
      },
      [journey](at::Tensor const&) { return journey->receive(journey->back); });
  return pending;
}

at::Tensor Transposition::Pending::finish() const {
  return exchange(
      token_,
      [journey = journey_](at::Tensor const&) { return journey->receive(journey->there); },
      [journey = journey_](at::Tensor const& gradient) {
        journey->send(journey->back, gradient);
        return at::empty({0}, gradient.options());
      });
}

}  // namespace eddyline
