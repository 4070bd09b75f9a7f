use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::limiter::{Answer, Verdict};

/// What was decided about a request.
pub(crate) struct Verdicts {
    /// By the limits that are in force.
    pub(crate) own: Verdict,
    /// By each of those in shadow mode.
    pub(crate) shadows: Vec<(usize, Verdict)>,
}

/// Verdicts that another machine is asked for.
pub(crate) enum Awaited {
    One(Later<Verdict>),
    /// Where there are limits in shadow mode. All are asked for at once.
    Several(Later<Verdicts>),
}

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

enum Slot {
    Asked(Later<Verdict>),
    Told(Verdict),
}

impl Verdicts {
    /// The verdicts, or what they can be had from.
    pub(crate) fn of(own: Answer, shadows: Vec<(usize, Answer)>) -> Result<Self, Awaited> {
        if shadows.is_empty() {
            return match own {
                Answer::Now(own) => Ok(Self { own, shadows: Vec::new() }),
                Answer::Later(own) => Err(Awaited::One(own)),
            };
        }
        let slots = shadows.into_iter().map(|(of, answer)| (of, Slot::from(answer))).collect();
        told((own.into(), slots)).map_err(|slots| Awaited::Several(Box::pin(all(slots))))
    }
}

impl Future for Awaited {
    type Output = Verdicts;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdicts> {
        match &mut *self {
            Self::One(own) => {
                own.as_mut().poll(context).map(|own| Verdicts { own, shadows: Vec::new() })
            }
            Self::Several(all) => all.as_mut().poll(context),
        }
    }
}

impl From<Answer> for Slot {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Now(verdict) => Self::Told(verdict),
            Answer::Later(verdict) => Self::Asked(verdict),
        }
    }
}

impl Slot {
    fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Asked(_) => None,
            Self::Told(verdict) => Some(*verdict),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        if let Self::Asked(verdict) = self
            && let Poll::Ready(verdict) = verdict.as_mut().poll(context)
        {
            *self = Self::Told(verdict);
        }
    }
}

/// One for the limits in force, and one for each in shadow mode.
type Slots = (Slot, Vec<(usize, Slot)>);

async fn all(slots: Slots) -> Verdicts {
    let mut slots = Some(slots);
    poll_fn(|context| {
        let Some((mut own, mut shadows)) = slots.take() else { return Poll::Pending };
        own.poll(context);
        for (_, slot) in &mut shadows {
            slot.poll(context);
        }
        match told((own, shadows)) {
            Ok(verdicts) => Poll::Ready(verdicts),
            Err(waiting) => {
                slots = Some(waiting);
                Poll::Pending
            }
        }
    })
    .await
}

/// The verdicts, once all are there.
fn told((own, shadows): Slots) -> Result<Verdicts, Slots> {
    let told = shadows.iter().map(|(of, slot)| Some((*of, slot.verdict()?)));
    match (own.verdict(), told.collect()) {
        (Some(own), Some(shadows)) => Ok(Verdicts { own, shadows }),
        _ => Err((own, shadows)),
    }
}
