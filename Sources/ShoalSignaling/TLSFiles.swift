import NIOSSL

/// The PEM files of TLS, read with errors that name them.
package struct TLSFiles: Hashable, Sendable {
    /// The server's certificate, followed by those between it and its authority.
    package let certificateFile: String
    package let keyFile: String

    package init(certificateFile: String, keyFile: String) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    /// What is in the files.
    struct Identity: Hashable, Sendable {
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
    }

    func identity() throws(SignalingError) -> Identity {
        let chain = try Self.certificates(self.certificateFile)
        do {
            return Identity(chain: chain, key: try NIOSSLPrivateKey(file: self.keyFile, format: .pem))
        } catch {
            throw Self.error("cannot read a private key in PEM from \(self.keyFile): \(error)")
        }
    }

    /// TLS for a server with this certificate.
    func serverContext(_ identity: Identity) throws(SignalingError) -> NIOSSLContext {
        do {
            return try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: identity.chain.map { .certificate($0) },
                    privateKey: .privateKey(identity.key)
                )
            )
        } catch {
            throw Self.error(
                "the key in \(self.keyFile) does not fit the certificate in \(self.certificateFile): \(error)"
            )
        }
    }

    /// TLS for a client that trusts the system's authorities and those in `authorityFile`, and checks everything.
    static func clientContext(authorityFile: String?) throws(SignalingError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let authorityFile {
            configuration.additionalTrustRoots = [.certificates(try Self.certificates(authorityFile))]
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw Self.error("cannot set up TLS: are the system's CA certificates installed? (\(error))")
        }
    }

    private static func certificates(_ file: String) throws(SignalingError) -> [NIOSSLCertificate] {
        do {
            return try NIOSSLCertificate.fromPEMFile(file)
        } catch {
            throw Self.error("cannot read certificates in PEM from \(file): \(error)")
        }
    }

    private static func error(_ message: String) -> SignalingError {
        SignalingError(code: .invalidCertificate, message: message)
    }
}
