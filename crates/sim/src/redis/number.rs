//! Numbers as Redis reads and writes them.

use super::reply::Reply;

pub(crate) fn integer(bytes: &[u8]) -> Result<i64, Reply> {
    let text = std::str::from_utf8(bytes).map_err(|_| Reply::not_an_integer())?;
    let number: i64 = text.parse().map_err(|_| Reply::not_an_integer())?;
    // "+1", "01" and "-0" are no integers to Redis.
    if number.to_string() == text {
        Ok(number)
    } else {
        Err(Reply::not_an_integer())
    }
}

pub(crate) fn float(bytes: &[u8]) -> Result<f64, Reply> {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    match text.parse::<f64>() {
        Ok(number) if !number.is_nan() => Ok(number),
        _ => Err(Reply::error("ERR value is not a valid float")),
    }
}

/// A score, as `%.17g` of C writes it.
pub(crate) fn score(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    general(number, 17)
}

/// A sum, without an exponent. Redis adds with more bits than these: alike where the parts are sums of halves.
pub(crate) fn plain(number: f64) -> String {
    let text = format!("{number:.17}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `%.<digits>g` of C.
pub(crate) fn general(number: f64, digits: usize) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{number:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let most = i32::try_from(digits).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= most {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    let decimals = usize::try_from(most - 1 - exponent).unwrap_or(0);
    trim(&format!("{number:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_as_c_writes_them() {
        for (number, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (4_000_000_000_000.0, "4000000000000"),
            (5e14 + 7.0, "500000000000007"),
            (1_763_912_345_678.123, "1763912345678.123"),
            (0.1, "0.10000000000000001"),
            (1e20, "1e+20"),
            (1e-7, "9.9999999999999995e-08"),
        ] {
            assert_eq!(score(number), text);
        }
        assert_eq!(score(f64::INFINITY), "inf");
        assert_eq!(score(1_763_912_345_678.12), "1763912345678.1201");
    }

    #[test]
    fn integers_are_only_what_redis_takes() {
        assert_eq!(integer(b"-12"), Ok(-12));
        for text in ["", "+1", "01", "-0", "1.0", " 1", "9223372036854775808"] {
            assert!(integer(text.as_bytes()).is_err(), "{text}");
        }
    }
}
