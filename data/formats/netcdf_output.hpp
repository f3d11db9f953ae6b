#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace eddyline {

/// A netCDF-4 file that is being written: dimensions and variables first, then values. Calls take
/// the process' HDF5 lock. Whatever fails throws Failure naming the file and the library's reason.
class NetcdfOutput final {
 public:
  /// Replaces what is there.
  explicit NetcdfOutput(std::filesystem::path const& path);
  ~NetcdfOutput();
  NetcdfOutput(NetcdfOutput const&) = delete;
  NetcdfOutput& operator=(NetcdfOutput const&) = delete;

  int add_dimension(std::string const& name, int64_t size);
  /// A variable of doubles; without dimensions it is one number.
  int add_doubles(std::string const& name, std::vector<int> const& dimensions);
  int add_integers(std::string const& name, std::vector<int> const& dimensions);
  /// A variable of floats, NaN where there is no value, compressed without loss in pieces of
  /// `chunk` values along each dimension.
  int add_floats(std::string const& name,
                 std::vector<int> const& dimensions,
                 std::vector<size_t> const& chunk);
  /// An attribute of a variable, or of the file with kWholeFile.
  static constexpr int kWholeFile = -1;
  void describe(int variable, std::string const& attribute, std::string const& text);

  /// All values of a variable of doubles or integers.
  void put(int variable, std::vector<double> const& values);
  /// start … start + count of a variable of floats, row-major.
  void put(int variable,
           std::vector<size_t> const& start,
           std::vector<size_t> const& count,
           float const* values);
  /// Everything is in the file afterwards.
  void close();

 private:
  int add(std::string const& name, int type, std::vector<int> const& dimensions);
  void check(int status, std::string const& what) const;

  std::filesystem::path path_;
  int id_ = -1;
};

}  // namespace eddyline
