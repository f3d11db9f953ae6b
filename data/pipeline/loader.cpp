#include "data/pipeline/loader.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/ParallelGuard.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "data/pipeline/batch_maker.hpp"

namespace eddyline {
namespace {

constexpr uint64_t kShuffleStream =
    0x73687566666c65;  // "shuffle": apart from all other random streams

int64_t batches_of(int64_t windows, LoaderOptions const& options) {
  return options.last == LastBatch::drop ? windows / options.batch
                                         : (windows + options.batch - 1) / options.batch;
}

/// The contiguous share of `rank`; sizes differ by at most one.
std::vector<int64_t> share_of(std::vector<int64_t> const& samples, int rank, int ranks) {
  auto const n = static_cast<int64_t>(samples.size());
  return {samples.begin() + n * rank / ranks, samples.begin() + n * (rank + 1) / ranks};
}

std::vector<int64_t> epoch_order(int64_t windows, LoaderOptions const& options, int64_t epoch) {
  if (options.order == Order::shuffled) {
    return permutation(
        windows,
        {.seed = options.seed, .step = static_cast<uint64_t>(epoch), .layer = kShuffleStream});
  }
  std::vector<int64_t> order(static_cast<size_t>(windows));
  for (int64_t i = 0; i < windows; ++i) {
    order[static_cast<size_t>(i)] = i;
  }
  return order;
}

std::vector<int64_t> slice_of(std::vector<int64_t> const& order, int64_t batch, int64_t size) {
  auto const n = static_cast<int64_t>(order.size());
  auto const first = std::min(batch * size, n);
  return {order.begin() + first, order.begin() + std::min(first + size, n)};
}

/// Calls `use` with every tensor of a batch that is there.
template <class Use>
void for_each_tensor(Batch const& batch, Use use) {
  for (auto const* tensor : {&batch.input,
                             &batch.target,
                             &batch.forcing,
                             &batch.constants,
                             &batch.scalars,
                             &batch.mask,
                             &batch.absent,
                             &batch.lead_time,
                             &batch.input_norm.mean,
                             &batch.input_norm.scale,
                             &batch.target_norm.mean,
                             &batch.target_norm.scale}) {
    if (tensor->defined()) {
      use(*tensor);
    }
  }
}

}  // namespace

std::vector<int64_t> batch_samples(int64_t windows,
                                   LoaderOptions const& options,
                                   int64_t epoch,
                                   int64_t batch) {
  return slice_of(epoch_order(windows, options, epoch), batch, options.batch);
}

/// The thread and its queue. Everything below `mutex_` is guarded by it.
class Loader::Worker {
 public:
  /// A place in the data.
  struct Position {
    int64_t epoch = 0;
    int64_t batch = 0;

    bool operator==(Position const&) const = default;
  };

  /// What the loader's thread hands over: a batch, or what went wrong.
  struct Item {
    Position at;
    std::optional<Batch> batch;
    std::exception_ptr error;
    std::shared_ptr<c10::Event> ready;  ///< on a GPU: after the copies
  };

  Worker(Dataset& data,
         Statistics const& statistics,
         LoaderOptions options,
         Communicator const& ranks)
      : data_(data),
        options_(options),
        maker_(data, statistics, options.device),
        mirror_(options.flips, data.fit().original()),
        rank_(ranks.rank()),
        ranks_(ranks.size()) {}
  ~Worker() { stop(); }

  void start(Position position);
  std::optional<Batch> next();
  int64_t batches() const { return batches_of(data_.windows(), options_); }
  Position position() const { return position_; }
  double wait_seconds() const { return wait_seconds_; }
  Normaliser const& normaliser() const { return maker_.normaliser(); }

 private:
  void stop();
  void run(Position from);
  Item make(Position at);
  bool hand_over(Item item);
  std::optional<Position> after(Position at) const;

  Dataset& data_;
  LoaderOptions options_;
  BatchMaker maker_;
  Mirror mirror_;
  int rank_;
  int ranks_;
  Position position_;
  double wait_seconds_ = 0;
  std::vector<int64_t> order_;  ///< of order_epoch_; the thread's
  int64_t order_epoch_ = -1;
  std::optional<c10::Stream> stream_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> queue_;
  Position coming_;  ///< what the queue's next item is, made or being made
  bool stopping_ = false;
};

void Loader::Worker::start(Position position) {
  require(position.epoch >= 0 && position.batch >= 0 && position.batch <= batches(),
          "batch ",
          position.batch,
          " of epoch ",
          position.epoch,
          " is no place in the data: an epoch has ",
          batches(),
          " batches");
  if (options_.order == Order::sequential) {
    position.epoch = 0;  // all epochs are alike
  }
  position_ = position;
  {
    std::lock_guard const lock(mutex_);
    if (thread_.joinable() && coming_ == position && (queue_.empty() || !queue_.front().error)) {
      return;  // it ran on into this epoch already
    }
  }
  stop();
  stopping_ = false;
  queue_.clear();
  coming_ = position;
  if (position.batch < batches()) {
    thread_ = std::thread([this, position] { run(position); });
  }
}

void Loader::Worker::stop() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

/// The place that follows; a shuffled epoch is followed by the next one, a sequential one by
/// nothing.
std::optional<Loader::Worker::Position> Loader::Worker::after(Position at) const {
  if (at.batch + 1 < batches()) {
    return Position{at.epoch, at.batch + 1};
  }
  return options_.order == Order::shuffled ? std::optional(Position{at.epoch + 1, 0})
                                           : std::nullopt;
}

void Loader::Worker::run(Position from) {
  at::NoGradGuard const no_grad;
  c10::ParallelGuard const one_thread(true);  // the cores belong to the network
  for (std::optional<Position> at = from; at; at = after(*at)) {
    auto item = make(*at);
    bool const failed = item.error != nullptr;
    if (!hand_over(std::move(item)) || failed) {
      return;
    }
  }
}

Loader::Worker::Item Loader::Worker::make(Position at) {
  Item item{.at = at};
  try {
    with_context(
        [&] {
          if (order_epoch_ != at.epoch) {
            order_ = epoch_order(data_.windows(), options_, at.epoch);
            order_epoch_ = at.epoch;
          }
          std::optional<c10::StreamGuard> guard;
          if (!options_.device.is_cpu()) {
            c10::impl::VirtualGuardImpl const device(options_.device.type());
            if (!stream_) {
              stream_ = device.getStreamFromGlobalPool(options_.device);
            }
            guard.emplace(*stream_);
          }
          auto const samples = slice_of(order_, at.batch, options_.batch);
          auto const own = share_of(samples, rank_, ranks_);
          item.batch = mirror_.is_none()
                           ? maker_.make(own)
                           : maker_.make(own, mirror_.draw(own, options_.seed, at.epoch));
          item.batch->global_size = static_cast<int64_t>(samples.size());
          if (stream_) {
            item.ready = std::make_shared<c10::Event>(options_.device.type());
            item.ready->record(*stream_);
          }
        },
        "preparing batch ",
        at.batch,
        " on rank ",
        rank_);
  } catch (...) {
    item.error = std::current_exception();
  }
  return item;
}

/// Puts an item into the queue once there is room. \return false if the thread is to end
bool Loader::Worker::hand_over(Item item) {
  std::unique_lock lock(mutex_);
  changed_.wait(
      lock, [&] { return stopping_ || static_cast<int64_t>(queue_.size()) < options_.prefetch; });
  if (stopping_) {
    return false;
  }
  queue_.push_back(std::move(item));
  changed_.notify_all();
  return true;
}

std::optional<Batch> Loader::Worker::next() {
  if (position_.batch >= batches()) {
    return std::nullopt;
  }
  EDDYLINE_ENSURE(thread_.joinable(), "start() was not called");
  auto const begin = std::chrono::steady_clock::now();
  Item item;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !queue_.empty(); });
    if (queue_.front().error) {
      std::rethrow_exception(queue_.front().error);  // and again if asked again
    }
    item = std::move(queue_.front());
    queue_.pop_front();
    coming_ = after(item.at).value_or(Position{item.at.epoch, batches()});
  }
  changed_.notify_all();
  wait_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EDDYLINE_ENSURE(item.at == position_, "batch ", item.at.batch, " came for ", position_.batch);
  if (item.ready) {
    c10::impl::VirtualGuardImpl const device(options_.device.type());
    auto const stream = device.getStream(options_.device);
    item.ready->block(stream);
    for_each_tensor(*item.batch, [&](at::Tensor const& tensor) { tensor.record_stream(stream); });
  }
  ++position_.batch;
  return std::move(item.batch);
}

Loader::Loader(Dataset& data,
               Statistics const& statistics,
               LoaderOptions options,
               Communicator const& data_ranks) {
  require(
      options.batch >= 1, "a batch of ", options.batch, " samples is none; set it to at least 1");
  require(
      options.prefetch >= 1, "the loader makes at least one batch ahead, not ", options.prefetch);
  auto const part = concat("the ", to_string(data.split()), " part of '", data.name(), "'");
  require(data.windows() > 0,
          part,
          " has no window of ",
          data.window_shape().span(),
          " frames; use fewer input or target frames, a smaller data.stride or longer series");
  require(options.last == LastBatch::keep || options.batch <= data.windows(),
          "a batch of ",
          options.batch,
          " is more than the ",
          data.windows(),
          " windows of ",
          part,
          "; make it smaller");
  require(options.last == LastBatch::keep || options.batch >= data_ranks.size(),
          "a batch of ",
          options.batch,
          " cannot be shared by ",
          data_ranks.size(),
          " ranks; give at least one sample a rank");
  require(
      options.flips.empty() || data.config().normalisation != Normalisation::oracle,
      "data.flips does not go with data.normalisation=oracle, which scales by the trajectory as "
      "it is stored; use window or dataset");
  worker_ = std::make_unique<Worker>(data, statistics, options, data_ranks);
}

Loader::~Loader() = default;

void Loader::start(int64_t epoch, int64_t first_batch) {
  epoch_ = epoch;
  worker_->start({epoch, first_batch});
}

std::optional<Batch> Loader::next() {
  return worker_->next();
}

int64_t Loader::batches() const {
  return worker_->batches();
}

int64_t Loader::position() const {
  return worker_->position().batch;
}

double Loader::wait_seconds() const {
  return worker_->wait_seconds();
}

Normaliser const& Loader::normaliser() const {
  return worker_->normaliser();
}

}  // namespace eddyline
