#include "data/hdf5/attributes.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/hdf5/file.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

TEST(Attributes, ComeBackAsTheyWereWritten) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    file.write_text("name", "grün");
    file.write_texts("dims", {"x", "theta"});
    file.write_texts("none", {});
    file.write_number("nu", 0.1);
    file.write_numbers("list", {1, 2.5});
    file.write_integer("count", int64_t{1} << 50);
    file.write_flag("yes", Flag::yes);
    file.write_flags("flags", {Flag::yes, Flag::no});
  }
  auto const file = Hdf5File::open(folder / "a.h5");
  EXPECT_EQ(file.read_text("name"), "grün");
  EXPECT_EQ(file.read_texts("dims"), (std::vector<std::string>{"x", "theta"}));
  EXPECT_TRUE(file.read_texts("none").empty());
  EXPECT_EQ(file.read_number("nu"), 0.1);
  EXPECT_EQ(file.read_numbers("list"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(file.read_integer("count"), int64_t{1} << 50);
  EXPECT_EQ(file.read_flag("yes"), Flag::yes);
  EXPECT_EQ(file.read_numbers("flags"), (std::vector<double>{1, 0}));
}

TEST(Attributes, AcceptAScalarTextAsAListOfOne) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const file = Hdf5File::create(folder / "a.h5");
  file.write_text("associated_dims", "x");
  EXPECT_EQ(file.read_texts("associated_dims"), std::vector<std::string>{"x"});
}

TEST(Attributes, AcceptTextsOfFixedLength) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const file = Hdf5File::create(folder / "a.h5");
  for (auto const padding : {H5T_STR_NULLTERM, H5T_STR_NULLPAD, H5T_STR_SPACEPAD}) {
    Hdf5Handle const type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type.id(), 4);
    H5Tset_strpad(type.id(), padding);
    hsize_t const extent = 2;
    Hdf5Handle const space(H5Screate_simple(1, &extent, nullptr));
    auto const name = "texts" + std::to_string(padding);
    Hdf5Handle const attribute(
        H5Acreate2(file.id(), name.c_str(), type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT));
    char const* const bytes = padding == H5T_STR_SPACEPAD ? "ab  c   " : "ab\0\0c\0\0\0";
    H5Awrite(attribute.id(), type.id(), bytes);
    EXPECT_EQ(file.read_texts(name), (std::vector<std::string>{"ab", "c"}));
  }
}

TEST(Attributes, SayWhichIsMissingAndWhatIsThere) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const file = Hdf5File::create(folder / "a.h5");
  file.write_integer("n_trajectories", 1);
  auto const message = message_of([&] { file.read_integer("n_trajectory"); });
  EXPECT_NE(message.find("'/' of '"), std::string::npos) << message;
  EXPECT_NE(message.find("has no attribute 'n_trajectory'"), std::string::npos) << message;
  EXPECT_NE(message.find("did you mean 'n_trajectories'"), std::string::npos) << message;
}

TEST(Attributes, SayWhenTextStandsWhereNumbersAreExpected) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto const file = Hdf5File::create(folder / "a.h5");
  file.write_text("nu", "small");
  file.write_number("name", 1.5);
  EXPECT_NE(message_of([&] { file.read_number("nu"); }).find("holds no numbers"),
            std::string::npos);
  EXPECT_NE(message_of([&] { file.read_text("name"); }).find("holds numbers where text"),
            std::string::npos);
  EXPECT_NE(message_of([&] { file.read_integer("name"); }).find("is 1.5, not a whole number"),
            std::string::npos);
}

}  // namespace
}  // namespace eddyline
