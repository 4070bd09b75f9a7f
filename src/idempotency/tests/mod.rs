mod fixture;
mod hang_up;
mod order;
mod outage;
mod replay;
mod request;
