import ShoalCore

/// An entry of the tensor directory, before it is known where the data begin.
struct TensorInfo {
    let name: String
    let dimensions: [Int]
    let typeNumber: UInt32
    /// From the beginning of the data.
    let offset: Int
    let byteCount: Int?
}

extension GGUFHeaderReader {
    mutating func readTensorInfos(_ count: Int, alignment: Int) throws(Failure) -> [TensorInfo] {
        var infos: [TensorInfo] = []
        // Bytes, because texts that Unicode calls equal are two names.
        var seen: Set<[UInt8]> = []
        for index in 0..<count {
            let field = "tensors[\(index)]"
            let name = try self.name(of: "\(field).name", limit: GGUFLimits.tensorNameByteCount)
            guard seen.insert(Array(name.utf8)).inserted else {
                throw self.window.problem("\(field).name", "occurs twice")
            }
            let dimensions = try self.dimensions(of: "\(field).dimensions")
            let typeNumber = try self.window.integer(UInt32.self, of: "\(field).type")
            let byteCount = try GGUFTensorType(typeNumber).map { type throws(Failure) in
                try self.byteCount(of: dimensions, type, field: "\(field).dimensions")
            }
            infos.append(
                TensorInfo(
                    name: name,
                    dimensions: dimensions,
                    typeNumber: typeNumber,
                    offset: try self.offset(of: "\(field).offset", alignment: alignment),
                    byteCount: byteCount
                )
            )
        }
        return infos
    }

    private mutating func dimensions(of field: String) throws(Failure) -> [Int] {
        let count = try self.window.integer(UInt32.self, of: field)
        guard (1...UInt32(GGUFLimits.dimensionCount)).contains(count) else {
            throw self.window.problem(field, "are \(count); a tensor has 1 to \(GGUFLimits.dimensionCount)")
        }
        var dimensions: [Int] = []
        var product = 1
        for _ in 0..<count {
            let length = try self.window.integer(UInt64.self, of: field)
            guard length > 0, let dimension = Int(exactly: length) else {
                throw self.window.problem(field, "have \(length), which is not 1 to 2^63 − 1")
            }
            let (next, overflows) = product.multipliedReportingOverflow(by: dimension)
            guard !overflows else { throw self.window.problem(field, "have more than 2^63 − 1 elements together") }
            product = next
            dimensions.append(dimension)
        }
        return dimensions
    }

    private func byteCount(of dimensions: [Int], _ type: GGUFTensorType, field: String) throws(Failure) -> Int {
        guard dimensions[0] % type.blockCount == 0 else {
            throw self.window.problem(field, "have rows of \(dimensions[0]), not whole blocks of \(type.name)")
        }
        let blocks = dimensions.reduce(1, *) / type.blockCount
        let (size, overflows) = blocks.multipliedReportingOverflow(by: type.blockSize)
        guard !overflows else { throw self.window.problem(field, "have more than 2^63 − 1 bytes together") }
        return size
    }

    private mutating func offset(of field: String, alignment: Int) throws(Failure) -> Int {
        let offset = try self.window.integer(UInt64.self, of: field)
        guard offset.isMultiple(of: UInt64(alignment)) else {
            throw self.window.problem(field, "is \(offset), not a multiple of the alignment, \(alignment)")
        }
        // What does not fit lies behind the end of every file, as does this.
        return Int(clamping: offset)
    }
}
