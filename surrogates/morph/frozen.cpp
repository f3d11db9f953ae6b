#include "surrogates/morph/frozen.hpp"

#include <optional>

#include <ATen/ATen.h>

#include "surrogates/layers/copy_of.hpp"
#include "surrogates/layers/linear_map.hpp"
#include "surrogates/layers/query_pool.hpp"
#include "surrogates/morph/morph.hpp"

namespace eddyline {

FrozenPatchEmbedding::FrozenPatchEmbedding(PatchEmbedding const& embedding,
                                           MorphConfig const& config,
                                           FieldMap const& fields,
                                           at::IntArrayRef images,
                                           Precision precision)
    : dim_(shape_of(config).dim),
      heads_(config.heads_xa),
      kernels_(embedding.conv_features->composed_kernels(images)) {
  auto const grid = patch_grid({images[2], images[3], images[4]}, config.patch);
  auto const& attention = *embedding.field_attn->attn;
  auto const type = embedding.projection->weight.scalar_type();
  LinearMap const projection(embedding.columns(grid.cells()), embedding.projection->bias);
  LinearMap const value(attention.in_proj_weight.chunk(3)[2], attention.in_proj_bias.chunk(3)[2]);
  LinearMap const out(*attention.out_proj);
  auto const values = value.after(projection);
  if (fields.fields() == 1) {
    tokens_ = out.after(values).packed(type, precision);
    return;
  }
  QueryPool const pool{attention, embedding.field_attn->q, heads_};
  auto const keys = pool.key_map(pool.projected_query()).to(at::kDouble);
  // A constant of all scores does not matter to the softmax; that of the values passes through the
  // average.
  auto const weight = at::cat({values.weight, at::matmul(keys, projection.weight)});
  tokens_ = PackedLinear(weight.to(type), {}, precision);
  out_ = out.after({at::eye(dim_, values.weight.options()), values.bias}).packed(type, precision);
}

at::Tensor FrozenPatchEmbedding::forward(at::Tensor const& volume,
                                         PatchGrid const& grid,
                                         Sharding const* cells) const {
  auto const features = convolve(volume.flatten(0, 2), kernels_, cells);
  auto const tokens =
      tokens_.forward(patchify(features, grid))
          .view({volume.size(0), volume.size(1), volume.size(2), grid.patches(), -1});
  if (!out_.defined()) {
    return tokens.squeeze(2);
  }
  auto const share = at::softmax(tokens.narrow(-1, dim_, heads_), 2).unsqueeze(-1);
  auto const values = tokens.narrow(-1, 0, dim_).unflatten(-1, {heads_, dim_ / heads_});
  return out_.forward((share * values).sum(2).flatten(-2));
}

FrozenMorph::FrozenMorph(Morph const& morph, Precision precision)
    : config_(morph.config_),
      fields_(morph.fields_),
      precision_(precision),
      embedding_(copy_of(*morph.patch_embedding_, config_)),
      table_(copy_of(*morph.pos_encoding_, config_)),
      decoder_(copy_of(*morph.decoder_, config_)) {
  for (auto const& block : morph.blocks_) {
    blocks_.push_back(copy_of(*block, config_, static_cast<int64_t>(blocks_.size())));
  }
}

PackedLinear FrozenMorph::output_rows(int64_t cells) const {
  auto const decoded = fields_.decoded_fields(), components = fields_.components();
  auto const rows = decoded * components * cells;
  auto const chosen = [&](at::Tensor const& parameter, int64_t width) {
    auto const used = parameter.narrow(0, 0, rows).view({1, decoded, components, cells, width, 1});
    return fields_.scatter(used).reshape({-1, width});
  };
  auto const& linear = *decoder_->linear;
  return {
      chosen(linear.weight, linear.weight.size(1)), chosen(linear.bias, 1).flatten(), precision_};
}

FrozenMorph::Fold FrozenMorph::make_fold(at::Tensor const& volume,
                                         PatchGrid const& grid,
                                         Extents const& extents) const {
  auto images = volume.sizes().slice(2).vec();
  BlockFold fold{.live = {},
                 .divided = {},
                 .has_past = volume.size(1) > 1,
                 .kept = FramesKept::all,
                 .precision = precision_};
  for (size_t a = 0; a < 3; ++a) {
    fold.divided[a] = extents[a] == Extent::divided_patches;
    fold.live[a] = fold.divided[a] || extents[a] == Extent::patches;
    if (fold.divided[a]) {
      images[a + 2] = std::max<int64_t>(images[a + 2], 2);  // no axis of one cell
    }
  }
  Fold made{.embedding = FrozenPatchEmbedding(*embedding_, config_, fields_, images, precision_),
            .blocks = {},
            .cells = output_rows(grid.cells())};
  for (size_t i = 0; i < blocks_.size(); ++i) {
    fold.kept = i + 1 < blocks_.size() ? FramesKept::all : FramesKept::newest;
    made.blocks.emplace_back(blocks_[i], shape_of(config_).heads, fold);
  }
  return made;
}

std::shared_ptr<FrozenMorph::Fold const> FrozenMorph::fold(at::Tensor const& volume,
                                                           PatchGrid const& grid,
                                                           Sharding const* patches) const {
  Extents extents{};
  for (size_t a = 0; a < 3; ++a) {
    bool const is_divided = patches && patches->axis(a).is_divided();
    extents[a] = is_divided          ? Extent::divided_patches
                 : grid.count[a] > 1 ? Extent::patches
                 : grid.patch[a] > 1 ? Extent::patch
                                     : Extent::cell;
  }
  std::scoped_lock const lock(mutex_);
  auto& known = folds_[extents];
  if (!known) {
    known = std::make_shared<Fold const>(make_fold(volume, grid, extents));
  }
  return known;
}

at::Tensor FrozenMorph::positions(PatchGrid const& grid, Sharding const* patches) const {
  auto const block = patches ? patches->block() : whole_block(grid.count);
  std::scoped_lock const lock(mutex_);
  if (!positions_.second.defined() || !(positions_.first == block)) {
    auto const table = patches ? table_->forward(config_.history, *patches)
                               : table_->forward(config_.history, grid.patches());
    positions_ = {block, table.contiguous()};
  }
  return positions_.second;
}

at::Tensor FrozenMorph::predict(Batch const& batch) const {
  at::NoGradGuard const no_grad;
  auto const volume = fields_.gather(batch);
  auto const grid = patch_grid(config_, volume.sizes(), fields_.decoded_fields());
  auto const* const cells = batch.spec ? batch.spec->sharding.get() : nullptr;
  std::optional<Sharding> divided;
  if (cells) {
    divided = cells->in_patches(grid.patch);
  }
  auto const* const patches = divided ? &*divided : nullptr;
  auto const folded = fold(volume, grid, patches);
  auto x = folded->embedding.forward(volume, grid, cells)
               .add_(positions(grid, patches))
               .unflatten(2, {grid.count[0], grid.count[1], grid.count[2]});
  for (auto const& block : folded->blocks) {
    x = block.forward(x, patches);
  }
  auto const decoded = folded->cells.forward(decoder_->norm->forward(x.flatten(1, 4)));
  return unpatchify(decoded, 1, decoded.size(2) / grid.cells(), grid);
}

}  // namespace eddyline
