/* libdatachannel has a C++ interface, which only CDataChannel includes; this module carries its compiler and linker flags. */
