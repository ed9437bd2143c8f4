//! How long an answer asks to wait.

use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName};

/// The wait that `Retry-After` asks for (RFC 9110, section 10.2.3): a number of seconds, or a date,
/// which is compared with the `Date` of the answer, so that the clocks of the two sides need not
/// agree. `None` without a usable one. A date that is over is no wait. The other side may ask for any
/// time, up to [`u64::MAX`] seconds: whoever waits sets a limit.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER)?;
    // `u64::from_str` takes a leading plus.
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // What is too large to be counted is a long wait all the same.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(wait_until(until, headers))
}

/// How long it is from an answer with `headers` until then, by the `Date` of the answer, or else by this
/// machine's clock. What is over is no wait.
#[must_use]
pub fn wait_until(until: SystemTime, headers: &HeaderMap) -> Duration {
    let now = text(headers, DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    let wait = until.duration_since(now.unwrap_or_else(SystemTime::now));
    wait.unwrap_or_default()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(fields: &[(HeaderName, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(name, value.parse().unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn seconds_and_each_form_of_a_date_are_read() {
        let seconds = Duration::from_secs;
        assert_eq!(wait(&[(RETRY_AFTER, " 7 ")]), Some(seconds(7)));
        assert_eq!(wait(&[(RETRY_AFTER, "0")]), Some(Duration::ZERO));
        for endless in ["18446744073709551615", "99999999999999999999"] {
            assert_eq!(wait(&[(RETRY_AFTER, endless)]), Some(seconds(u64::MAX)));
        }
        for date in [
            "Sun, 06 Nov 1994 08:50:22 GMT",
            "Sunday, 06-Nov-94 08:50:22 GMT",
            "Sun Nov  6 08:50:22 1994",
        ] {
            // The server's clock is decades behind ours.
            let sent = (DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
            assert_eq!(wait(&[(RETRY_AFTER, date), sent]), Some(seconds(45)));
            assert_eq!(wait(&[(RETRY_AFTER, date)]), Some(Duration::ZERO));
        }
    }

    #[test]
    fn a_date_without_the_date_of_the_answer_is_compared_with_our_clock() {
        let until = SystemTime::now() + Duration::from_secs(3600);
        let date = httpdate::fmt_http_date(until);
        let wait = wait(&[(RETRY_AFTER, &date)]).unwrap();
        assert!((3590..=3600).contains(&wait.as_secs()), "{wait:?}");
    }

    #[test]
    fn what_is_neither_is_no_wait() {
        for value in ["", "soon", "-1", "+7", "1.5", "Sun, 99 Nov 1994"] {
            assert_eq!(wait(&[(RETRY_AFTER, value)]), None, "{value}");
        }
        assert_eq!(wait(&[]), None);
    }
}
