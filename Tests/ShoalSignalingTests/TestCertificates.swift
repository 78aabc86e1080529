import Foundation

@testable import ShoalSignaling

/// A certificate for `localhost`, `127.0.0.1` and `::1`, its authority and its key, valid until 2120. For tests alone: the keys
/// are public.
enum TestCertificates {
    /// Writes the files into a new folder, which is removed afterwards.
    static func withFiles(
        _ body: (_ files: TLSFiles, _ authorityFile: String, _ strangerKey: String) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "shoal-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ name: String, _ text: String) throws -> String {
            let url = folder.appending(path: name)
            try Data(text.utf8).write(to: url)
            return url.path(percentEncoded: false)
        }
        let files = TLSFiles(
            certificateFile: try file("server.pem", self.certificate),
            keyFile: try file("server.key", self.key)
        )
        try await body(files, try file("authority.pem", self.authority), try file("stranger.key", self.strangerKey))
    }

    /// The test authority.
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBcTCCARegAwIBAgIBATAKBggqhkjOPQQDAjAfMR0wGwYDVQQDDBRTaG9hbCB0
        ZXN0IGF1dGhvcml0eTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFow
        HzEdMBsGA1UEAwwUU2hvYWwgdGVzdCBhdXRob3JpdHkwWTATBgcqhkjOPQIBBggq
        hkjOPQMBBwNCAARo6yOKVLhB16GBaTgFa0fi/pn2yL9qH1Mxl+g0w9dAk9gsWQJh
        jLrEkIfdOB8KKLlYN1sFUAiLoOwoZVLxxLk3o0IwQDAPBgNVHRMBAf8EBTADAQH/
        MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQU0v6Q1l0asSkd7zpZ1M6w1Yk8kHAw
        CgYIKoZIzj0EAwIDSAAwRQIgXdAV4cv+13g8svsNXTVHmWwMYCWrzYeJJ9FS7axD
        /VQCIQC/E37V7SMUVOWpDlyIbwx2IKzueVUaik9WOuab6+cMsA==
        -----END CERTIFICATE-----
        """

    /// The server's certificate, signed by the authority.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIByjCCAW+gAwIBAgIBAjAKBggqhkjOPQQDAjAfMR0wGwYDVQQDDBRTaG9hbCB0
        ZXN0IGF1dGhvcml0eTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFow
        FDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
        eRI+E8ls0/sWripQ9yDM4gC9uFd2vL+pFpaMGwmH5BSf7VuHKJqSNPUEJyMIiyvw
        AkqXD0+Z7PsBlqLCy2QYE6OBpDCBoTAsBgNVHREEJTAjgglsb2NhbGhvc3SHBH8A
        AAGHEAAAAAAAAAAAAAAAAAAAAAEwDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMC
        B4AwEwYDVR0lBAwwCgYIKwYBBQUHAwEwHQYDVR0OBBYEFLGONV0ovuc4WQscYtCh
        SUGdrIx7MB8GA1UdIwQYMBaAFNL+kNZdGrEpHe86WdTOsNWJPJBwMAoGCCqGSM49
        BAMCA0kAMEYCIQDohcN1Pcuac9E1ljdGkQkqpwwp89hubtBY5mTlK0f9TAIhAKAO
        iDGWtO4DGbqBIGxOrVhSEwKDJv1wuyNiZa+a+yUQ
        -----END CERTIFICATE-----
        """

    /// The server's key.
    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVRSDOn0E/ZWnmH4r
        /V/qqTnX+M0wpxHqa/Nvaj7OfVahRANCAAR5Ej4TyWzT+xauKlD3IMziAL24V3a8
        v6kWlowbCYfkFJ/tW4compI09QQnIwiLK/ACSpcPT5ns+wGWosLLZBgT
        -----END PRIVATE KEY-----
        """

    /// A certificate of nobody's but its own, for ``strangerKey``.
    static let strangerCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUUqVZLZtv1v76qZTZ8YCv2ZDikK8wCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzAyMTg0M1oYDzIxMTkxMjI2
        MDIxODQzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARB6v4glEjA9bNeWEByOKP9laIE937caVnY9Pnk84CHrSRVQgQwuz3m
        8ckaliudZ1xiztNwKsRsh6RK+QyOiRjyo28wbTAdBgNVHQ4EFgQUxZygWHxFxlbL
        41E1JLEkOxOMtP0wHwYDVR0jBBgwFoAUxZygWHxFxlbL41E1JLEkOxOMtP0wDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDSAAwRQIgXlx9QnOwjoacwNXvMs5avpj5fqj7dBjyiMW1IiLb5+sCIQDs
        FNTjVCAq8axO5SW4LSMrwgslqbrELKAjtU/LULhryw==
        -----END CERTIFICATE-----
        """

    /// A key that does not fit the server's certificate.
    static let strangerKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHzQnfxOhNBav7dwl
        1y0h4qddZkT53XHRvtS6h4d86iKhRANCAARB6v4glEjA9bNeWEByOKP9laIE937c
        aVnY9Pnk84CHrSRVQgQwuz3m8ckaliudZ1xiztNwKsRsh6RK+QyOiRjy
        -----END PRIVATE KEY-----
        """
}
