#include "CDataChannel.h"
