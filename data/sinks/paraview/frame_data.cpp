#include "data/sinks/paraview/frame_data.hpp"

#include <vtkCellData.h>
#include <vtkDataSetAttributes.h>
#include <vtkDoubleArray.h>
#include <vtkFieldData.h>
#include <vtkFloatArray.h>
#include <vtkImageData.h>
#include <vtkInformation.h>
#include <vtkInformationStringKey.h>
#include <vtkPointData.h>
#include <vtkRectilinearGrid.h>
#include <vtkStringArray.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>
#include <array>
#include <string>

namespace eddyline_paraview {
namespace {

std::array<int, 6> extent_of(EddylineCatalystFrame const& frame) {
  std::array<int, 6> extent{};
  for (size_t a = 0; a < 3; ++a) {
    extent[2 * a] = static_cast<int>(frame.axes[a].first);
    extent[2 * a + 1] = static_cast<int>(frame.axes[a].first + frame.axes[a].count - 1);
  }
  return extent;
}

vtkSmartPointer<vtkDataSet> make_image(EddylineCatalystFrame const& frame) {
  auto image = vtkSmartPointer<vtkImageData>::New();
  image->SetExtent(extent_of(frame).data());
  image->SetOrigin(frame.axes[0].origin, frame.axes[1].origin, frame.axes[2].origin);
  image->SetSpacing(frame.axes[0].spacing, frame.axes[1].spacing, frame.axes[2].spacing);
  return image;
}

vtkSmartPointer<vtkDataSet> make_rectilinear(EddylineCatalystFrame const& frame) {
  auto grid = vtkSmartPointer<vtkRectilinearGrid>::New();
  grid->SetExtent(extent_of(frame).data());
  std::array<vtkSmartPointer<vtkDoubleArray>, 3> axes;
  for (size_t a = 0; a < 3; ++a) {
    axes[a] = vtkSmartPointer<vtkDoubleArray>::New();
    auto const& axis = frame.axes[a];
    axes[a]->SetNumberOfTuples(axis.count);
    std::copy(axis.coordinates, axis.coordinates + axis.count, axes[a]->GetPointer(0));
  }
  grid->SetXCoordinates(axes[0]);
  grid->SetYCoordinates(axes[1]);
  grid->SetZCoordinates(axes[2]);
  return grid;
}

/// An array over values that stay where they are; VTK only reads them.
template <class Array, class Value>
vtkSmartPointer<vtkDataArray> borrow(EddylineCatalystArray const& array, vtkIdType points) {
  auto borrowed = vtkSmartPointer<Array>::New();
  borrowed->SetNumberOfComponents(array.components);
  borrowed->SetArray(static_cast<Value*>(const_cast<void*>(array.values)),
                     points * array.components,
                     /*save=*/1);
  return borrowed;
}

void add_text(vtkDataSet& data, char const* name, std::string const& text) {
  auto values = vtkSmartPointer<vtkStringArray>::New();
  values->SetName(name);
  values->InsertNextValue(text);
  data.GetFieldData()->AddArray(values);
}

void add_arrays(vtkDataSet& data, EddylineCatalystFrame const& frame) {
  std::string units;
  for (int i = 0; i < frame.array_count; ++i) {
    auto const& array = frame.arrays[i];
    auto const points = data.GetNumberOfPoints();
    auto const values = array.bytes == 8 ? borrow<vtkDoubleArray, double>(array, points)
                                         : borrow<vtkFloatArray, float>(array, points);
    values->SetName(array.name);
    if (*array.units != '\0') {
      values->GetInformation()->Set(vtkDataArray::UNITS_LABEL(), array.units);
      units += (units.empty() ? "" : ", ") + std::string(array.name) + ": " + array.units;
    }
    data.GetPointData()->AddArray(values);
  }
  if (frame.array_count > 0) {  // contours of image data complain without
    data.GetPointData()->SetActiveScalars(frame.arrays[0].name);
  }
  add_text(data, "units", units);
  add_text(data, "time unit", frame.time_unit);
}

/// 1 along an axis for each of `count` points or cells from `first` that lies outside [own, end).
std::vector<unsigned char> outside(long long first, long long count, long long own, long long end) {
  std::vector<unsigned char> marks(static_cast<size_t>(std::max(count, 1LL)), 0);
  for (long long i = 0; i < count; ++i) {
    marks[static_cast<size_t>(i)] = first + i < own || first + i >= end;
  }
  return marks;
}

/// \param fewer  0 for points; 1 for cells, which lie between points
vtkSmartPointer<vtkUnsignedCharArray> ghost_marks(EddylineCatalystFrame const& frame,
                                                  long long fewer,
                                                  unsigned char mark) {
  std::array<std::vector<unsigned char>, 3> along;
  for (size_t a = 0; a < 3; ++a) {
    auto const& axis = frame.axes[a];
    auto const end = axis.own_first + std::max(axis.own_count - fewer, 1LL);
    along[a] = outside(axis.first, std::max(axis.count - fewer, 1LL), axis.own_first, end);
  }
  auto marks = vtkSmartPointer<vtkUnsignedCharArray>::New();
  marks->SetName(vtkDataSetAttributes::GhostArrayName());
  for (auto const z : along[2]) {
    for (auto const y : along[1]) {
      for (auto const x : along[0]) {
        marks->InsertNextValue((x | y | z) != 0 ? mark : 0);
      }
    }
  }
  return marks;
}

bool has_ghosts(EddylineCatalystFrame const& frame) {
  return std::any_of(std::begin(frame.axes), std::end(frame.axes), [](auto const& axis) {
    return axis.own_first != axis.first || axis.own_count != axis.count;
  });
}

}  // namespace

vtkSmartPointer<vtkDataSet> make_data(EddylineCatalystFrame const& frame) {
  auto data = frame.uniform != 0 ? make_image(frame) : make_rectilinear(frame);
  add_arrays(*data, frame);
  if (has_ghosts(frame)) {
    data->GetPointData()->AddArray(ghost_marks(frame, 0, vtkDataSetAttributes::DUPLICATEPOINT));
    data->GetCellData()->AddArray(ghost_marks(frame, 1, vtkDataSetAttributes::DUPLICATECELL));
  }
  return data;
}

}  // namespace eddyline_paraview
