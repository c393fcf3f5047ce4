// The same for tests.
#include "pch.h"

#include <gtest/gtest.h>
