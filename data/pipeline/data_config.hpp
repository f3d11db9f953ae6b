#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config_type.hpp"

namespace eddyline {

/// Which part of the data: what is trained on, what chooses, what is scored, or everything.
enum class Split { train, valid, test, all };

/// Who divides a data set into train, valid and test.
enum class SplitBy {
  given,   ///< the data set itself: The Well's folders, PDEBench's rule, the map of an array file
  frames,  ///< every series is cut in time into contiguous parts with a gap between
  trajectories,  ///< whole series go to one part
};

/// Order in which whole series are dealt out when `splits.by` is `trajectories`.
enum class SplitOrder { file, shuffled };

/// What to do with a grid whose sides are not multiples of the network's patch.
enum class FitMode {
  exact,  ///< refuse, naming what fits
  crop,   ///< leave outer cells out (the centre stays); everything else works on the smaller grid
  pad,  ///< add cells (wrapped on periodic axes, repeated edge values elsewhere); they never count
};

/// What to do with values that are missing (NaN, fill values, land).
enum class Missing {
  refuse,  ///< an error that names field, file and frame
  mean,    ///< filled with the training mean; every cell counts in loss and metrics
  mask,    ///< filled likewise for the network's eyes, and left out of loss and metrics
  zero,    ///< 0 in the data's unit, counted everywhere, in means too: as GPhyT's reader
};

/// Where the numbers come from that scale the data to the size a network likes.
enum class Normalisation {
  none,
  dataset,  ///< mean and standard deviation of the training part
  window,   ///< of the input frames of each sample: needs nothing but the past
  oracle,  ///< of the sample's whole trajectory, future included: MORPH's published convention, for
           ///< parity only
};

/// Where the target of a sample lies in time.
enum class TargetTime {
  ahead,  ///< data.lead frames after the newest input
  same,   ///< at the newest input, whose other fields it follows from: no forecast
};

/// Where mean and standard deviation of data.normalisation=dataset come from.
enum class StatisticsFrom {
  computed,   ///< from the training part
  published,  ///< what a folder of ClimaX's shards comes with
};

/// Whether the components of a vector or tensor are scaled alike.
enum class Pooling { channel, field };

template <>
struct EnumNames<SplitBy> {
  static constexpr auto names =
      std::to_array<std::pair<SplitBy, char const*>>({{SplitBy::given, "given"},
                                                      {SplitBy::frames, "frames"},
                                                      {SplitBy::trajectories, "trajectories"}});
};
template <>
struct EnumNames<SplitOrder> {
  static constexpr auto names = std::to_array<std::pair<SplitOrder, char const*>>(
      {{SplitOrder::file, "file"}, {SplitOrder::shuffled, "shuffled"}});
};
template <>
struct EnumNames<FitMode> {
  static constexpr auto names = std::to_array<std::pair<FitMode, char const*>>(
      {{FitMode::exact, "exact"}, {FitMode::crop, "crop"}, {FitMode::pad, "pad"}});
};
template <>
struct EnumNames<Missing> {
  static constexpr auto names =
      std::to_array<std::pair<Missing, char const*>>({{Missing::refuse, "refuse"},
                                                      {Missing::mean, "mean"},
                                                      {Missing::mask, "mask"},
                                                      {Missing::zero, "zero"}});
};
template <>
struct EnumNames<Normalisation> {
  static constexpr auto names =
      std::to_array<std::pair<Normalisation, char const*>>({{Normalisation::none, "none"},
                                                            {Normalisation::dataset, "dataset"},
                                                            {Normalisation::window, "window"},
                                                            {Normalisation::oracle, "oracle"}});
};
template <>
struct EnumNames<TargetTime> {
  static constexpr auto names = std::to_array<std::pair<TargetTime, char const*>>(
      {{TargetTime::ahead, "ahead"}, {TargetTime::same, "same"}});
};
template <>
struct EnumNames<StatisticsFrom> {
  static constexpr auto names = std::to_array<std::pair<StatisticsFrom, char const*>>(
      {{StatisticsFrom::computed, "computed"}, {StatisticsFrom::published, "published"}});
};
template <>
struct EnumNames<Pooling> {
  static constexpr auto names = std::to_array<std::pair<Pooling, char const*>>(
      {{Pooling::channel, "channel"}, {Pooling::field, "field"}});
};
template <>
struct EnumNames<Split> {
  static constexpr auto names =
      std::to_array<std::pair<Split, char const*>>({{Split::train, "train"},
                                                    {Split::valid, "valid"},
                                                    {Split::test, "test"},
                                                    {Split::all, "all"}});
};

/// Frames first … last of each series, both included.
struct FrameSpan {
  std::optional<int64_t> first;
  std::optional<int64_t> last;
  std::optional<int64_t> targets_first;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("first", first, "first frame of this part (inputs and targets)");
    v("last", last, "last frame of this part, included");
    v("targets_first",
      targets_first,
      "first frame that may be a target; earlier ones are inputs only");
  }
};

/// `data.splits`.
struct SplitConfig {
  SplitBy by = SplitBy::given;
  std::vector<double> fractions = {0.8, 0.1, 0.1};
  SplitOrder order = SplitOrder::file;
  int64_t seed = 0;
  FrameSpan train;
  FrameSpan valid;
  FrameSpan test;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("by",
      by,
      "given: as the data set says; frames: contiguous parts of each series; trajectories: whole "
      "series");
    v("fractions", fractions, "shares of train, valid and test where no frames are named");
    v("order", order, "series are dealt out in the order of the files, or shuffled with the seed");
    v("seed", seed, "of the shuffled order");
    v("train", train, "frames to train on (by: frames)");
    v("valid", valid, "frames to choose with (by: frames)");
    v("test", test, "frames to score on (by: frames)");
  }
};

/// `data`: what is read and how it becomes samples.
struct DataConfig {
  std::string path;
  std::string format = "auto";
  YamlText map;
  std::vector<std::string> fields;
  std::vector<std::string> input_fields;
  std::vector<std::string> target_fields;
  std::vector<std::string> constant_inputs;
  std::vector<std::string> time_features;
  bool coordinates = false;
  int64_t history = 1;
  int64_t horizon = 1;
  int64_t stride = 1;
  std::vector<int64_t> strides;
  std::vector<std::string> flips;
  int64_t input_stride = 0;
  int64_t lead = 0;
  TargetTime target_time = TargetTime::ahead;
  FitMode fit = FitMode::exact;
  Missing missing = Missing::refuse;
  Normalisation normalisation = Normalisation::dataset;
  StatisticsFrom statistics = StatisticsFrom::computed;
  Pooling pooling = Pooling::field;
  SplitConfig splits;
  int64_t cache = 1024;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("path", path, "file or folder of the data set");
    v("format", format, "auto, or one of the formats that 'eddyline inspect --help' lists");
    v("map",
      map,
      "for plain arrays: fields, axes and times ('eddyline inspect --suggest FILE' prints a "
      "start)");
    v("fields", fields, "fields of the state, in this order; empty: all");
    v("input_fields",
      input_fields,
      "fields of the state that the network is given; empty: all. With others it cannot be rolled "
      "out, but forecast directly");
    v("target_fields", target_fields, "fields that are predicted; empty: all of the state");
    v("constant_inputs",
      constant_inputs,
      "constant fields of the data that are given as further input channels");
    v("time_features",
      time_features,
      "known inputs: hour_of_day, day_of_year (each as sine and cosine)");
    v("coordinates",
      coordinates,
      "give the coordinates of each axis, scaled to [-1, 1], as further input channels");
    v("history", history, "input frames of a sample");
    v("horizon", horizon, "target frames of a sample");
    v("stride", stride, "frames between neighbouring frames of a sample");
    v("strides",
      strides,
      "instead of stride, for training: samples of all these strides, shuffled together; the lead "
      "time of each follows its stride");
    v("flips",
      flips,
      "axes along which samples are mirrored for training, each with probability 1/2; components "
      "of vectors along them change sign");
    v("input_stride", input_stride, "frames between neighbouring input frames; 0: as stride");
    v("lead", lead, "frames from the last input to the first target; 0: as stride");
    v("target_time",
      target_time,
      "ahead: lead frames after the newest input; same: at the newest input, for what follows from "
      "other fields (ClimaX's projection: emissions in, temperature out)");
    v("fit",
      fit,
      "grid that is no multiple of the patch: exact refuses, crop leaves outer cells out, pad adds "
      "cells");
    v("missing",
      missing,
      "missing values: refuse, mean (filled, counted), mask (filled, not counted), zero (0, "
      "counted in means too)");
    v("normalisation",
      normalisation,
      "none, dataset (training statistics), window (input frames), oracle (MORPH parity)");
    v("statistics",
      statistics,
      "of normalisation: computed from the training part, or published: normalize_mean.npz and "
      "normalize_std.npz of a folder of ClimaX's shards");
    v("pooling", pooling, "one scale for each channel, or one for all components of a field");
    v("splits", splits, "train, valid and test");
    v("cache", cache, "MiB of frames that each rank may keep in memory; 0: read anew each time");
  }
};

}  // namespace eddyline
