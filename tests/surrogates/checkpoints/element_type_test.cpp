#include "surrogates/checkpoints/element_type.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(ElementType, NamesAndTypesAreInverse) {
  for (auto const type :
       {c10::kFloat, c10::kBFloat16, c10::kBool, c10::kLong, c10::kComplexDouble}) {
    EXPECT_EQ(element_type_named(element_type_name(type)), type);
  }
}

TEST(ElementType, Hdf5TypesHaveTheSizeOfTheElement) {
  for (auto const type :
       {c10::kFloat, c10::kHalf, c10::kBFloat16, c10::kBool, c10::kComplexFloat}) {
    auto const stored = make_hdf5_type(type);
    EXPECT_EQ(H5Tget_size(stored), c10::elementSize(type));
    H5Tclose(stored);
  }
}

TEST(ElementType, SaysWhatIsKnown) {
  try {
    element_type_named("float8");
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("there is no element type 'float8'; known: float32, float64"));
  }
  EXPECT_THROW(element_type_name(c10::kQInt8), Error);
}

}  // namespace
}  // namespace eddyline
