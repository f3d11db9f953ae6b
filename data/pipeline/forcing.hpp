#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "data/pipeline/dataset.hpp"

namespace eddyline {

/// What a network is told besides the state: constants, and fields whose future is known.
class Forcing {
 public:
  virtual ~Forcing() = default;
  /// Known input channels at those times: (B, T, Ck, D, H, W); undefined if there are none.
  virtual at::Tensor known(std::vector<double> const& times) = 0;
  /// Constant fields: (B, Cc, D, H, W); undefined if there are none.
  virtual at::Tensor constants() = 0;
  /// Scalars: (B, S); undefined if there are none.
  virtual at::Tensor scalars() = 0;
};

/// A trajectory of a data set and the frame that a run starts from.
struct StartFrame {
  int64_t trajectory = 0;
  int64_t frame = 0;
};

/// Forcing of trajectories that a Dataset holds, one a sample of the batch; known fields go on
/// beyond the data's last time, scalars keep the value of the start frame.
class DatasetForcing final : public Forcing {
 public:
  /// \param times  of the starts; samples whose times differ get their own known fields, at the
  /// same
  ///               distance from their starts
  DatasetForcing(Dataset& data, std::vector<StartFrame> starts);

  at::Tensor known(std::vector<double> const& times) override;
  at::Tensor constants() override;
  at::Tensor scalars() override;

 private:
  Dataset& data_;
  std::vector<StartFrame> starts_;
  std::vector<double> offsets_;  ///< time of each start minus that of the first
};

}  // namespace eddyline
