#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace eddyline {

/// The folder of the scripts that draw: share/eddyline/reporting below the nearest folder above
/// this program that has one: the prefix it was installed to, or its build folder.
/// \throw Error  if there is none
std::filesystem::path drawing_scripts();

/// Runs a script of that folder with arguments.
/// \param python  the program; "": .venv/bin/python of the checkout that the scripts lie in, if it
///                is there, else python3 on PATH
/// \return        what it printed
/// \throw Error    in the script's words if it ends with 2, or if there is no such Python
/// \throw Failure  in the script's words if it ends otherwise
std::string draw(std::string const& script,
                 std::vector<std::string> const& arguments,
                 std::string const& python);

}  // namespace eddyline
