#include "solvers/diffusion_reaction/rate.hpp"

#include <ATen/ATen.h>

namespace eddyline {
namespace {

/// Constants as the inner loop needs them.
struct Factors {
  double u_y, u_x, v_y, v_x;  ///< diffusivity / spacing²
  double k;
};

/// One field around one cell.
struct Star {
  double centre, below, above, left, right;

  /// Differences of fluxes: exactly zero across an edge whose ghost equals the cell.
  double diffusion(double per_y, double per_x) const {
    return ((above - centre) - (centre - below)) * per_y +
           ((right - centre) - (centre - left)) * per_x;
  }
};

inline double rate_u(Star const& u, double v, Factors const& f) {
  return u.diffusion(f.u_y, f.u_x) + u.centre - u.centre * u.centre * u.centre - f.k - v;
}
inline double rate_v(double u, Star const& v, Factors const& f) {
  return v.diffusion(f.v_y, f.v_x) + u - v.centre;
}

/// A row of one field with the rows on both sides of it, and the cells beyond its ends.
struct Row {
  double const* centre;
  double const* below;
  double const* above;
  double left;
  double right;
};

/// Where a row's rates go.
struct RowRates {
  double* __restrict u;
  double* __restrict v;
};

/// All cells but the first and last, whose neighbours lie in the row.
void inner_cells(Row const& u, Row const& v, Factors const& f, int64_t width, RowRates const& out) {
  auto* __restrict const out_u = out.u;
  auto* __restrict const out_v = out.v;
  for (int64_t i = 1; i < width - 1; ++i) {
    Star const at_u{u.centre[i], u.below[i], u.above[i], u.centre[i - 1], u.centre[i + 1]};
    Star const at_v{v.centre[i], v.below[i], v.above[i], v.centre[i - 1], v.centre[i + 1]};
    out_u[i] = rate_u(at_u, at_v.centre, f);
    out_v[i] = rate_v(at_u.centre, at_v, f);
  }
}

Star star_at(Row const& row, int64_t i, int64_t width) {
  return {row.centre[i],
          row.below[i],
          row.above[i],
          i == 0 ? row.left : row.centre[i - 1],
          i == width - 1 ? row.right : row.centre[i + 1]};
}

void end_cells(Row const& u, Row const& v, Factors const& f, int64_t width, RowRates const& out) {
  for (int64_t const i : {int64_t{0}, width - 1}) {
    auto const at_u = star_at(u, i, width);
    auto const at_v = star_at(v, i, width);
    out.u[i] = rate_u(at_u, at_v.centre, f);
    out.v[i] = rate_v(at_u.centre, at_v, f);
  }
}

}  // namespace

DiffusionReactionRate::DiffusionReactionRate(Block const& block,
                                             Constants const& constants,
                                             Communicator const& ranks)
    : constants_(constants),
      height_(block.box.size[1]),
      width_(block.box.size[2]),
      halo_(block,
            /*channels=*/2,
            /*width=*/1,
            {HaloEdge::none, HaloEdge::mirror, HaloEdge::mirror},
            ranks) {}

void DiffusionReactionRate::operator()(at::Tensor const& state, at::Tensor const& rate) {
  auto const& c = constants_;
  double const per_y = 1 / (c.spacing_y * c.spacing_y);
  double const per_x = 1 / (c.spacing_x * c.spacing_x);
  Factors const factors{c.diffusivity_u * per_y,
                        c.diffusivity_u * per_x,
                        c.diffusivity_v * per_y,
                        c.diffusivity_v * per_x,
                        c.k};
  auto const cells = height_ * width_;
  auto const* const values = state.const_data_ptr<double>();
  auto* const out = rate.mutable_data_ptr<double>();
  auto const row = [&](int64_t channel, int64_t h) {
    auto const* const field = values + channel * cells;
    auto const* const ghost_below = halo_.face(1, Side::low).data() + channel * width_;
    auto const* const ghost_above = halo_.face(1, Side::high).data() + channel * width_;
    return Row{.centre = field + h * width_,
               .below = h == 0 ? ghost_below : field + (h - 1) * width_,
               .above = h == height_ - 1 ? ghost_above : field + (h + 1) * width_,
               .left = halo_.face(2, Side::low)[static_cast<size_t>(channel * height_ + h)],
               .right = halo_.face(2, Side::high)[static_cast<size_t>(channel * height_ + h)]};
  };
  auto const visit = [&](auto const& compute, int64_t h) {
    compute(row(0, h),
            row(1, h),
            factors,
            width_,
            RowRates{out + h * width_, out + cells + h * width_});
  };
  halo_.begin({values, static_cast<size_t>(2 * cells)});
  for (int64_t h = 1; h < height_ - 1; ++h) {
    visit(inner_cells, h);
  }
  halo_.finish();
  visit(inner_cells, 0);
  visit(inner_cells, height_ - 1);
  for (int64_t h = 0; h < height_; ++h) {
    visit(end_cells, h);
  }
}

}  // namespace eddyline
