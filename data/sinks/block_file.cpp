#include "data/sinks/block_file.hpp"

#include <memory>
#include <utility>

#include <ATen/ATen.h>

#include "core/atomic_file.hpp"
#include "data/hdf5/library.hpp"

namespace eddyline {

void BlockWriter::put(Hdf5Group const& group,
                      std::string const& name,
                      at::Tensor const& values) const {
  auto const shape = values.sizes().vec();
  auto const axes = shape.size();
  // A single number has no empty part: all write it, alike.
  auto const writes = ranks_ == nullptr || ranks_->is_root() || axes == 0;
  write(group,
        name,
        shape,
        {.first = std::vector<int64_t>(axes, 0),
         .count = writes ? shape : std::vector<int64_t>(axes, 0),
         .stride = {}},
        writes ? values : at::empty({0}, values.options()));
}

void BlockWriter::put_cells(Hdf5Group const& group,
                            std::string const& name,
                            at::Tensor const& values,
                            BlockPlace const& place) const {
  auto shape = values.sizes().vec();
  std::vector<int64_t> first(shape.size(), 0);
  for (size_t a = 0; ranks_ != nullptr && a < 3; ++a) {
    shape[place.axis + a] = place.global[a];
    first[place.axis + a] = place.first[a];
  }
  write(group, name, shape, {std::move(first), values.sizes().vec(), {}}, values);
}

bool BlockWriter::are_equal(at::Tensor const& a, at::Tensor const& b) const {
  auto const here = static_cast<int64_t>(at::equal(a, b));
  return (ranks_ == nullptr ? here : ranks_->all_reduce(here, Reduction::min)) > 0;
}

void BlockWriter::write(Hdf5Group const& group,
                        std::string const& name,
                        std::vector<int64_t> const& shape,
                        Hyperslab const& part,
                        at::Tensor const& values) const {
  auto const host = values.to(at::kCPU).contiguous();
  auto const act = [&] {
    group.create_data_set(name, {.shape = shape, .type = host.scalar_type()})
        .write(part, host, ranks_ == nullptr ? Transfer::independent : Transfer::collective);
  };
  ranks_ == nullptr ? act() : ranks_->collectively(act);
}

namespace {

using PutAll = std::function<void(Hdf5Group const&, BlockWriter const&)>;

void write_alone(std::filesystem::path const& path, int64_t bytes, PutAll const& put_all) {
  AtomicFile whole(path);
  {
    auto file = Hdf5File::create_in_memory(whole.temporary().string(), bytes);
    put_all(file, BlockWriter(nullptr));
    file.save(whole.temporary());
  }
  whole.commit();
}

void write_together(std::filesystem::path const& path,
                    Communicator const& ranks,
                    PutAll const& put_all) {
  std::unique_ptr<AtomicFile> whole;
  ranks.together([&] {
    if (ranks.is_root()) {
      whole = std::make_unique<AtomicFile>(path);
    }
  });
  auto file = std::make_unique<Hdf5File>(Hdf5File::create(AtomicFile::temporary_name(path), ranks));
  try {
    put_all(*file, BlockWriter(&ranks));
    ranks.collectively([&] { file->close(); });
  } catch (...) {
    // Closing is collective, and HDF5 cannot close what it failed to write.
    note_hdf5_damage();
    static_cast<void>(file.release());
    throw;
  }
  file.reset();
  ranks.together([&] {
    if (whole) {
      whole->commit();
    }
  });
}

}  // namespace

void write_block_file(std::filesystem::path const& path,
                      Communicator const* ranks,
                      int64_t bytes,
                      PutAll const& put_all) {
  ranks == nullptr ? write_alone(path, bytes, put_all) : write_together(path, *ranks, put_all);
}

}  // namespace eddyline
