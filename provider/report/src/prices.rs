use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The prices of CloudWatch Logs for the regions of a report, in dollars per GB.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Prices {
    pub(crate) storage: GivenPrice,
    pub(crate) ingestion: GivenPrice,
}

/// A price as the options give it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GivenPrice {
    /// For regions without a price of their own.
    everywhere: Option<f64>,
    by_region: BTreeMap<String, f64>,
}

/// The prices of a region, as far as they are given or known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RegionPrices {
    /// For a month.
    pub(crate) storage: Option<Price>,
    /// For log groups of class STANDARD.
    pub(crate) ingestion: Option<Price>,
}

/// A price in dollars per GB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    dollars: f64,
    pub(crate) source: PriceSource,
}

/// Where a price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PriceSource {
    Option,
    Default,
}

/// Region, storage for a month, ingestion: first tier, class STANDARD.
const DEFAULTS: [(&str, f64, f64); 2] =
    [("us-east-1", 0.03, 0.50), ("ap-northeast-1", 0.033, 0.76)];

/// Source and date of the defaults.
pub(crate) const DEFAULTS_SOURCE: &str = "https://aws.amazon.com/cloudwatch/pricing/";
pub(crate) const DEFAULTS_DATE: &str = "2025";

/// As in [`size`](terraform_provider_logagg::engine::size).
const GB: f64 = 1e9;

/// Much more than any region charges.
const MOST: f64 = 100.0;

impl Prices {
    pub(crate) fn in_region(&self, region: &str) -> RegionPrices {
        let default = DEFAULTS.iter().find(|(name, ..)| *name == region);
        RegionPrices {
            storage: self.storage.in_region(region, default.map(|(_, storage, _)| *storage)),
            ingestion: self.ingestion.in_region(region, default.map(|(.., ingestion)| *ingestion)),
        }
    }
}

impl GivenPrice {
    /// Takes `DOLLARS` or `REGION=DOLLARS`.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), NoPrice> {
        let (region, dollars) = match text.split_once('=') {
            Some((region, dollars)) => (Some(region), dollars),
            None => (None, text),
        };
        let parsed = dollars.parse().ok().filter(|price| (0.0..=MOST).contains(price));
        let price = parsed.ok_or_else(|| NoPrice { text: text.to_owned() })?;
        match region {
            Some(region) => drop(self.by_region.insert(region.to_owned(), price)),
            None => self.everywhere = Some(price),
        }
        Ok(())
    }

    fn in_region(&self, region: &str, default: Option<f64>) -> Option<Price> {
        let given = self.by_region.get(region).copied().or(self.everywhere);
        let price = |source| move |dollars| Price { dollars, source };
        given.map(price(PriceSource::Option)).or(default.map(price(PriceSource::Default)))
    }
}

impl FromStr for GivenPrice {
    type Err = NoPrice;

    fn from_str(text: &str) -> Result<Self, NoPrice> {
        let mut price = Self::default();
        price.add(text).map(|()| price)
    }
}

impl Price {
    pub(crate) fn of(self, bytes: u64) -> Dollars {
        Dollars(bytes as f64 / GB * self.dollars)
    }

    pub(crate) fn per_gb(self) -> f64 {
        self.dollars
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.dollars.to_string();
        let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        write!(f, "${:.*}", decimals.max(2), self.dollars)
    }
}

/// A string that is not a price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a price per GB in dollars from 0 to {MOST}, as in 0.03 or eu-west-1=0.03")]
pub(crate) struct NoPrice {
    text: String,
}

/// An amount of money.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(crate) struct Dollars(f64);

impl Dollars {
    const CENT: f64 = 0.01;

    /// To a hundredth of a cent.
    pub(crate) fn rounded(self) -> f64 {
        (self.0 * 1e4).round() / 1e4
    }
}

impl std::ops::Add for Dollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0.0 && self.0 < Self::CENT {
            return f.write_str("< $0.01");
        }
        let text = format!("{:.2}", self.0);
        let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        write!(f, "${grouped}.{cents}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_separators_and_cents() {
        let price = "0.03".parse::<GivenPrice>().unwrap().in_region("eu-west-1", None).unwrap();
        let check = |bytes: u64, expected: &str| assert_eq!(price.of(bytes).to_string(), expected);
        check(0, "$0.00");
        check(1, "< $0.01");
        check(1_000_000_000, "$0.03");
        check(41_250_000_000_000, "$1,237.50");
        check(41_250_000_000_000_000, "$1,237,500.00");
        assert_eq!(price.to_string(), "$0.03");
        for (given, shown) in [("0.5", "$0.50"), ("0.0314", "$0.0314"), ("1", "$1.00")] {
            let price = given.parse::<GivenPrice>().unwrap().in_region("eu-west-1", None).unwrap();
            assert_eq!(price.to_string(), shown);
        }
    }

    #[test]
    fn a_region_has_its_own_price_or_that_of_all_or_the_default() {
        let mut storage = GivenPrice::default();
        let prices = Prices { storage: storage.clone(), ..Prices::default() };
        assert_eq!(prices.in_region("eu-central-1"), RegionPrices::default());
        let tokyo = prices.in_region("ap-northeast-1");
        assert_eq!(tokyo.storage.unwrap().per_gb(), 0.033);
        assert_eq!(tokyo.ingestion.unwrap().source, PriceSource::Default);
        storage.add("0.05").unwrap();
        storage.add("eu-west-1=0.07").unwrap();
        let prices = Prices { storage, ..Prices::default() };
        for (region, expected) in [("eu-west-1", 0.07), ("us-east-1", 0.05)] {
            let price = prices.in_region(region).storage.unwrap();
            assert_eq!((price.per_gb(), price.source), (expected, PriceSource::Option));
        }
        assert_eq!(prices.in_region("eu-west-1").ingestion, None);
    }

    #[test]
    fn a_price_is_a_number_of_dollars() {
        for text in ["", "-1", "NaN", "inf", "101", "3 cents", "eu-west-1="] {
            assert!(text.parse::<GivenPrice>().is_err(), "{text}");
        }
    }
}
