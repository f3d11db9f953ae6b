#include "surrogates/checkpoints/safetensors.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/byte_writer.hpp"
#include "surrogates/checkpoints/safetensors_header.hpp"

namespace eddyline {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMostHeaderBytes = uint64_t{1} << 24;
constexpr char const* kMetadata = "__metadata__";

uint64_t file_bytes(std::filesystem::path const& path) {
  std::error_code code;
  auto const bytes = std::filesystem::file_size(path, code);
  return code ? 0 : static_cast<uint64_t>(bytes);
}

/// The length that the first 8 bytes give; 0 if there are not so many.
uint64_t header_length(std::ifstream& in) {
  std::array<unsigned char, kLengthBytes> bytes{};
  in.read(reinterpret_cast<char*>(bytes.data()), kLengthBytes);
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0 && in.good();) {
    length = length << 8 | bytes[i];
  }
  return in.good() ? length : 0;
}

at::Tensor read_tensor(std::ifstream& in, SafetensorsEntry const& entry, uint64_t data_begin) {
  auto tensor = at::empty(entry.shape, at::dtype(entry.type));
  auto const bytes = static_cast<std::streamsize>(entry.end - entry.begin);
  in.seekg(static_cast<std::streamoff>(data_begin + entry.begin));
  in.read(static_cast<char*>(tensor.data_ptr()), bytes);
  require(in.gcount() == bytes, "tensor '", entry.name, "' cannot be read");
  if (entry.type == c10::kBool) {  // any other byte is no value of a bool
    tensor = tensor.view(at::kByte).ne(0);
  }
  return tensor;
}

Safetensors read_tensors(std::filesystem::path const& path) {
  std::ifstream in(path, std::ios::binary);
  require(in.good(), "cannot read it: ", std::strerror(errno));
  auto const whole = file_bytes(path);
  auto const length = header_length(in);
  require(length >= 2 && length <= kMostHeaderBytes,
          "its header claims ",
          length,
          " bytes; 2 to ",
          kMostHeaderBytes,
          " are allowed: it is no safetensors file");
  require(length <= whole - kLengthBytes,
          "its header claims ",
          length,
          " bytes, the file has ",
          whole,
          ": it is truncated");
  std::string text(length, '\0');
  in.read(text.data(), static_cast<std::streamsize>(length));
  require(in.good(), "its header cannot be read");
  auto const data_begin = kLengthBytes + length;
  auto header = SafetensorsHeader::parse(text, whole - data_begin);
  Safetensors content{.metadata = std::move(header.metadata)};
  for (auto const& entry : header.entries) {
    content.tensors.emplace_back(entry.name, read_tensor(in, entry, data_begin));
  }
  return content;
}

/// The tensors in the order of the data: wide elements first keep every one aligned.
std::vector<size_t> data_order(Safetensors const& content) {
  std::vector<size_t> order(content.tensors.size());
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return content.tensors[a].second.element_size() > content.tensors[b].second.element_size();
  });
  return order;
}

std::string header_text(Safetensors const& content, std::vector<size_t> const& order) {
  std::vector<uint64_t> begins(order.size());
  uint64_t begin = 0;
  for (auto const i : order) {
    begins[i] = begin;
    begin += content.tensors[i].second.nbytes();
  }
  auto header = nlohmann::ordered_json::object();
  if (!content.metadata.empty()) {
    header[kMetadata] = content.metadata;
  }
  for (size_t i = 0; i < order.size(); ++i) {
    auto const& [name, tensor] = content.tensors[i];
    header[name] = {{"dtype", safetensors_type_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {begins[i], begins[i] + tensor.nbytes()}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (nlohmann::json::exception const& error) {
    throw Error(concat("a name is not UTF-8 text: ", error.what()));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begin at a multiple of 8
  require(text.size() <= kMostHeaderBytes,
          "its names and texts need ",
          text.size(),
          " bytes; at most ",
          kMostHeaderBytes,
          " are allowed");
  return text;
}

void check_names(Safetensors const& content) {
  std::vector<std::string> names = {kMetadata};
  for (auto const& [name, tensor] : content.tensors) {
    names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  auto const twice = std::adjacent_find(names.begin(), names.end());
  require(
      twice == names.end(), "the name '", twice == names.end() ? "" : *twice, "' is used twice");
}

}  // namespace

Safetensors read_safetensors(std::filesystem::path const& path) {
  return with_context(
      [&] { return read_tensors(path); }, "reading safetensors file '", path.string(), "'");
}

void write_safetensors(std::filesystem::path const& path, Safetensors const& content) {
  with_context(
      [&] {
        check_names(content);
        auto const order = data_order(content);
        auto const text = header_text(content, order);
        ByteWriter out(path);
        out.write(little_endian(text.size(), static_cast<int>(kLengthBytes)));
        out.write(text);
        for (auto const i : order) {
          auto const tensor = content.tensors[i].second.to(at::kCPU).contiguous();
          out.write(tensor.const_data_ptr(), tensor.nbytes());
        }
        out.commit();
      },
      "writing safetensors file '",
      path.string(),
      "'");
}

bool is_safetensors(std::filesystem::path const& path) {
  std::ifstream in(path, std::ios::binary);
  auto const length = header_length(in);
  return length >= 2 && length <= kMostHeaderBytes && length + kLengthBytes <= file_bytes(path) &&
         in.get() == '{';
}

}  // namespace eddyline
