//! `local set`: changes a setting of the running stack, as an operator would in SSM.

use super::state::Place;
use aws_sdk_ssm::types::ParameterType;

use super::{CommandError, env_file, say, template_path};
use crate::stack::Stack;
use crate::template::{Deployment, REGION, Template};

pub(super) async fn run(place: &Place, name: &str, value: &str) -> Result<(), CommandError> {
    let template = Template::load(&template_path(&place.root), &Deployment::local(""))?;
    Stack::check_setting(&template, name)?;
    let variables = env_file::read(&place.env_file())?;
    let endpoint = variables.get("AWS_ENDPOINT_URL").cloned();
    let startup = startup::Startup::from_vars(move |variable| match variable {
        "AWS_ENDPOINT_URL" => endpoint.clone(),
        other => credentials(other),
    })?;
    let full_name = format!("{}/{name}", Stack::settings_path());
    startup
        .ssm()
        .put_parameter()
        .name(&full_name)
        .value(value)
        .r#type(ParameterType::String)
        .overwrite(true)
        .send()
        .await
        .map_err(|error| {
            let reason = startup::error_chain(&error);
            format!("the local stack does not answer, is it running? ({reason})")
        })?;
    say(&format!("{name} is now `{value}`; functions read it within a minute"));
    Ok(())
}

/// The variables every AWS client wants; the emulated services check none of them.
pub(super) fn credentials(variable: &str) -> Option<String> {
    match variable {
        "AWS_REGION" => Some(REGION.to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        _ => None,
    }
}
