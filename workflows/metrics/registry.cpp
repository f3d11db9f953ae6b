#include "workflows/metrics/registry.hpp"

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "workflows/metrics/climate.hpp"
#include "workflows/metrics/gphyt.hpp"
#include "workflows/metrics/pointwise.hpp"
#include "workflows/metrics/pooled.hpp"
#include "workflows/metrics/spectral.hpp"

namespace eddyline {
namespace {

template <SampleRule (*rule)()>
std::unique_ptr<Metric> make(Grid const& grid) {
  return std::make_unique<SampleMetric>(rule(), grid);
}

template <SampleRule (*rule)(Grid const&)>
std::unique_ptr<Metric> make_on(Grid const& grid) {
  return std::make_unique<SampleMetric>(rule(grid), grid);
}

std::unique_ptr<Metric> make_pooled(Grid const&) {
  return std::make_unique<PooledMetric>();
}

std::unique_ptr<Metric> make_gphyt(Grid const&) {
  return std::make_unique<GphytMetric>();
}

std::unique_ptr<Metric> make_correlation(Grid const& grid) {
  return std::make_unique<AnomalyCorrelation>(grid);
}

constexpr auto kPhysical = Space::physical;

/// The Well, benchmark/metrics.
std::vector<MetricEntry> well_metrics() {
  return {
      {{"vrmse.well"},
       "sqrt(mean((p-y)^2) / (var(y) + 1e-7)), var with N-1; every cell counts alike; mean over "
       "samples",
       kPhysical,
       "1",
       make<vrmse_well>},
      {{"nrmse.well"},
       "sqrt(mean((p-y)^2) / (mean(y^2) + 1e-7)); every cell counts alike; mean over samples",
       kPhysical,
       "1",
       make<nrmse_well>},
      {{"linf.well"},
       "max|p-y| of a sample; mean over samples",
       kPhysical,
       "field",
       make<linf_well>},
      {{"pearson.well"},
       "mean((p-pbar)(y-ybar)) / (std(p) std(y) + 1e-7), std with N-1; every cell counts alike; "
       "mean over samples",
       kPhysical,
       "1",
       make<pearson_well>},
      {{"spectrum.well.low", "spectrum.well.mid", "spectrum.well.high"},
       "sum|F(p-y)|^2 / (sum|F(y)|^2 + 1e-7), both over N^2, in three bands of |k| [rad a cell] "
       "with edges 0 and two "
       "log-spaced between 2 pi/max(n) and pi sqrt(D); plain Fourier transform on every axis; mean "
       "over samples",
       kPhysical,
       "1",
       make_on<spectrum_well>},
  };
}

/// PDEBench, models/metrics.
std::vector<MetricEntry> pdebench_metrics() {
  return {
      {{"rmse.pdebench"},
       "sqrt(mean((p-y)^2)); every cell counts alike; mean over samples",
       kPhysical,
       "field",
       make<rmse_pdebench>},
      {{"nrmse.pdebench"},
       "sqrt(mean((p-y)^2)) / sqrt(mean(y^2)), no epsilon; every cell counts alike; mean over "
       "samples",
       kPhysical,
       "1",
       make<nrmse_pdebench>},
      {{"crmse.pdebench"},
       "sqrt(mean over samples of (sum(p)-sum(y))^2) / N; every cell counts alike",
       kPhysical,
       "field",
       make<crmse_pdebench>},
      {{"brmse.pdebench"},
       "sqrt(mean((p-y)^2)) over the cells of the domain's faces, those on two faces twice; mean "
       "over samples",
       kPhysical,
       "field",
       make<brmse_pdebench>},
      {{"frmse.pdebench.low", "frmse.pdebench.mid", "frmse.pdebench.high"},
       "sqrt(mean over samples of sum|F(p-y)|^2 in the shell floor|k|) / N, mean over the shells k "
       "< 4, 4 <= k < 12, "
       "k >= 12; non-negative wave numbers only; length of the domain taken as 1",
       kPhysical,
       "field",
       make_on<frmse_pdebench>},
  };
}

/// MORPH, arXiv 2509.21670.
std::vector<MetricEntry> morph_metrics() {
  return {
      {{"vrmse.morph", "nrmse.morph"},
       "sqrt(mean((p-y)^2) / (v + 1e-7)), v = mean((y-ybar)^2) or mean(y^2), over all frames, "
       "channels and cells of a "
       "trajectory together; mean over trajectories",
       kPhysical,
       "1",
       make_pooled,
       OverFrames::pooled},
      {{"mse.morph", "mae.morph", "rmse.morph"},
       "mean((p-y)^2), mean(|p-y|) and the root of the first, over samples, channels and cells "
       "together",
       Space::normalised,
       "1",
       make<elements_morph>},
  };
}

/// GPhyT, arXiv 2509.13805. Its published figures are of fields divided by their deviations.
std::vector<MetricEntry> gphyt_metrics() {
  return {
      {{"mse.gphyt"},
       "mean((p-y)^2); every cell counts alike; mean over samples",
       kPhysical,
       "field^2",
       make<mse_gphyt>},
      {{"nmse.gphyt", "vmse.gphyt"},
       "mean((p-y)^2) / (v + 1e-6), v = mean(y^2) or var(y), var with N-1; every cell counts "
       "alike; mean over samples",
       kPhysical,
       "1",
       make<shares_gphyt>},
      {{"nrmse.gphyt", "vrmse.gphyt", "rnmse.gphyt", "rvmse.gphyt"},
       "the first two: sqrt(mean((p-y)^2) / (v + 1e-6)), v = mean(y^2) or var(y) with N-1, over "
       "all samples, channels and cells together; the last two: sqrt of the mean over samples and "
       "channels of nmse.gphyt and vmse.gphyt",
       kPhysical,
       "1",
       make_gphyt},
  };
}

/// ClimaX, arXiv 2301.10343, and ClimateBench. w: cos(latitude) over its mean on latitude-longitude
/// grids, else the cells' volumes over their mean.
std::vector<MetricEntry> climate_metrics() {
  return {
      {{"mse.climax"},
       "mean(w (p-y)^2); mean over samples",
       kPhysical,
       "field^2",
       make_on<mse_climax>},
      {{"rmse.climax", "rmse_of_mean.climax"},
       "mean over samples of sqrt(mean(w (p-y)^2)), as ClimaX publishes it; sqrt(mean over samples "
       "of mean(w (p-y)^2)), which is never smaller",
       kPhysical,
       "field",
       make_on<roots_climax>},
      {{"nrmses.climatebench", "nrmseg.climatebench", "nrmse.climatebench"},
       "s = sqrt(mean(w e^2)) / N, e the mean over samples of p-y; g = sqrt(mean over samples of "
       "(mean(w (p-y)))^2) / N; s + 5 g; N = |mean over samples of mean(w y)|",
       kPhysical,
       "1",
       make_on<errors_climatebench>,
       OverFrames::mean,
       Wanted::by_name},
      {{"acc.climax"},
       "sum(w p' y') / sqrt(sum(w p'^2) sum(w y'^2)) over samples and cells, p' = p-c less its "
       "plain mean over samples and cells, y' likewise, c the climatology: the mean of the "
       "training "
       "part in each cell, at that hour of day or the published one of all times (key "
       "climatology)",
       kPhysical,
       "1",
       make_correlation,
       OverFrames::mean,
       Wanted::by_name},
  };
}

/// Ours: cells weighted by volume, spectra only where wave numbers mean something.
std::vector<MetricEntry> own_metrics() {
  return {
      {{"rmse"},
       "sqrt(mean over samples of the volume-weighted mean of (p-y)^2)",
       kPhysical,
       "field",
       make<rmse_weighted>},
      {{"rmse.unweighted"},
       "sqrt(mean over samples and cells of (p-y)^2); every cell counts alike",
       kPhysical,
       "field",
       make<rmse_unweighted>},
      {{"vrmse"},
       "sqrt(E / V), means over samples of the volume-weighted means of (p-y)^2 and (y-ybar)^2; no "
       "epsilon",
       kPhysical,
       "1",
       make<vrmse_weighted>},
      {{"nrmse"},
       "sqrt(E / M), means over samples of the volume-weighted means of (p-y)^2 and y^2; no "
       "epsilon",
       kPhysical,
       "1",
       make<nrmse_weighted>},
      {{"mae"},
       "volume-weighted mean of |p-y|; mean over samples",
       kPhysical,
       "field",
       make<mae_weighted>},
      {{"bias"},
       "volume-weighted mean of p-y; mean over samples",
       kPhysical,
       "field",
       make<bias_weighted>},
      {{"max"}, "largest |p-y| of all samples and cells", kPhysical, "field", make<max_error>},
      {{"conserved"},
       "sqrt(mean over samples of (I(p)-I(y))^2), I the integral over the domain divided by its "
       "volume",
       kPhysical,
       "field",
       make<conserved_sum>},
      {{"spectrum.low", "spectrum.mid", "spectrum.high"},
       "sum|F(p-y)|^2 / sum|F(y)|^2 in three bands of |k| with edges log-spaced between the "
       "smallest and the largest "
       "wave number; Fourier on uniform periodic axes, cosine transform on uniform others, "
       "stretched axes and on spheres all but the longitude averaged by volume; mean over samples",
       kPhysical,
       "1",
       make_on<spectrum_own>},
  };
}

}  // namespace

std::vector<MetricEntry> const& metric_registry() {
  static std::vector<MetricEntry> const table = [] {
    std::vector<MetricEntry> all;
    for (auto const& part : {well_metrics(),
                             morph_metrics(),
                             gphyt_metrics(),
                             climate_metrics(),
                             pdebench_metrics(),
                             own_metrics()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return table;
}

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  for (auto const& entry : metric_registry()) {
    names.insert(names.end(), entry.names.begin(), entry.names.end());
  }
  return names;
}

std::vector<std::string> usual_metric_names() {
  std::vector<std::string> names;
  for (auto const& entry : metric_registry()) {
    if (entry.wanted == Wanted::always) {
      names.insert(names.end(), entry.names.begin(), entry.names.end());
    }
  }
  return names;
}

MetricEntry const& metric_entry(std::string const& name) {
  for (auto const& entry : metric_registry()) {
    if (std::find(entry.names.begin(), entry.names.end(), name) != entry.names.end()) {
      return entry;
    }
  }
  throw Error(concat("unknown metric '", name, "'", did_you_mean(name, metric_names())));
}

std::string to_string(Space space) {
  return space == Space::physical ? "physical" : "normalised";
}

}  // namespace eddyline
