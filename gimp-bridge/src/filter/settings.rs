//! What the user asks for.

use super::Filter;
use crate::gimp::{ParameterKind, Value};
use crate::text::{Problem, tr};

/// Where a result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The layer is changed.
    ThisLayer,
    /// A layer above it.
    NewLayer,
    /// A layer mask: of this layer for segmentation, of a new layer for removal.
    LayerMask,
    /// The selection is replaced.
    Selection,
    /// A channel of the image.
    Channel,
}

impl Output {
    /// From what scripts call it.
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "this-layer" => Output::ThisLayer,
            "new-layer" => Output::NewLayer,
            "layer-mask" => Output::LayerMask,
            "selection" => Output::Selection,
            "channel" => Output::Channel,
            _ => return None,
        })
    }
}

/// What a network runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The best that can be used.
    Automatic,
    /// The processor.
    Cpu,
    /// A GPU, or an error.
    Gpu,
}

impl Device {
    /// From what scripts call it.
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "automatic" => Device::Automatic,
            "cpu" => Device::Cpu,
            "gpu" => Device::Gpu,
            _ => return None,
        })
    }
}

/// The values of a procedure's parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name of the model; none: the one that serves.
    pub model: Option<String>,
    /// How much of the rust goes, 0 to 1.
    pub strength: f32,
    /// Width of the edges in pixels.
    pub edge_softness: f64,
    /// Probability from which on a pixel counts as rust; none: that of the model.
    pub threshold: Option<f32>,
    /// Where the result goes.
    pub output: Output,
    /// What the network runs on.
    pub device: Device,
    /// Whether filters on the layer count as part of it.
    pub use_visible: bool,
    /// Whether a layer that cannot be judged is looked at all the same.
    pub judge_anyway: bool,
}

impl Settings {
    /// From the values of the parameters of a filter's procedure, in their order; those that are not there are the defaults.
    ///
    /// # Errors
    /// When a value is out of range.
    pub fn new(filter: Filter, values: &[Value]) -> Result<Self, Problem> {
        let mut settings = Settings {
            model: None,
            strength: 1.0,
            edge_softness: 0.0,
            threshold: None,
            output: Output::ThisLayer,
            device: Device::Automatic,
            use_visible: false,
            judge_anyway: false,
        };
        for (parameter, value) in filter.procedure().parameters.iter().zip(values) {
            let out_of_range = |given: String, range: String| {
                let text = tr("{0} is {1}; it has to be {2}.");
                Problem::new(
                    text.replace("{0}", parameter.name).replace("{1}", &given).replace("{2}", &range),
                )
            };
            match (parameter.kind, value) {
                (ParameterKind::Number { from, to, .. }, Value::Number(value)) => {
                    if !(from..=to).contains(value) {
                        return Err(out_of_range(value.to_string(), format!("{from} … {to}")));
                    }
                    match parameter.name {
                        "strength" => settings.strength = (value / 100.0) as f32,
                        "edge-softness" => settings.edge_softness = *value,
                        "threshold" => settings.threshold = (*value > 0.0).then_some((value / 100.0) as f32),
                        _ => {}
                    }
                }
                (ParameterKind::Choice(choices), Value::Choice(index)) => {
                    let word = choices.get(*index).map_or("", |(word, _)| word);
                    let unknown = || out_of_range(index.to_string(), format!("0 … {}", choices.len() - 1));
                    match parameter.name {
                        "output" => settings.output = Output::named(word).ok_or_else(unknown)?,
                        "device" => settings.device = Device::named(word).ok_or_else(unknown)?,
                        _ => {}
                    }
                }
                (ParameterKind::Toggle, Value::Toggle(value)) => match parameter.name {
                    "use-visible" => settings.use_visible = *value,
                    "judge-anyway" => settings.judge_anyway = *value,
                    _ => {}
                },
                (ParameterKind::Text, Value::Text(name)) => {
                    settings.model = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
                }
                _ => return Err(out_of_range(format!("{value:?}"), format!("{:?}", parameter.kind))),
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_make_settings_and_values_out_of_range_do_not() {
        for filter in [Filter::Derust, Filter::SegmentRust] {
            let procedure = filter.procedure();
            let values: Vec<_> =
                procedure.parameters.iter().map(|parameter| parameter.kind.default()).collect();
            let settings = Settings::new(filter, &values).unwrap();
            assert!(!settings.use_visible && !settings.judge_anyway);
            assert_eq!((settings.model, settings.threshold, settings.strength), (None, None, 1.0));
            for (index, parameter) in procedure.parameters.iter().enumerate() {
                let mut values = values.clone();
                if let ParameterKind::Choice(choices) = parameter.kind {
                    for known in 0..choices.len() {
                        values[index] = Value::Choice(known);
                        Settings::new(filter, &values).unwrap();
                    }
                }
                values[index] = match parameter.kind {
                    ParameterKind::Number { to, .. } => Value::Number(to + 0.5),
                    ParameterKind::Choice(choices) => Value::Choice(choices.len()),
                    ParameterKind::Text | ParameterKind::Toggle => Value::Number(1.0),
                };
                let error = Settings::new(filter, &values).unwrap_err().to_string();
                assert!(error.starts_with(parameter.name), "{error}");
            }
        }
    }

    #[test]
    fn percents_become_parts_and_zero_means_the_models_own() {
        let values = [
            Value::Text(" mine ".into()),
            Value::Number(50.0),
            Value::Number(3.0),
            Value::Choice(2),
            Value::Choice(1),
            Value::Toggle(false),
            Value::Toggle(true),
        ];
        let settings = Settings::new(Filter::SegmentRust, &values).unwrap();
        assert_eq!(
            settings,
            Settings {
                model: Some("mine".into()),
                strength: 1.0,
                edge_softness: 3.0,
                threshold: Some(0.5),
                output: Output::Channel,
                device: Device::Cpu,
                use_visible: true,
                judge_anyway: false,
            }
        );
        let values = [&values[..5], &[Value::Toggle(true)]].concat();
        let settings = Settings::new(Filter::SegmentRust, &values).unwrap();
        assert!(settings.judge_anyway && !settings.use_visible);
    }
}
