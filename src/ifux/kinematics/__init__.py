"""How light is shifted."""

from ifux.kinematics.base import AbstractKinematics as AbstractKinematics
from ifux.kinematics.channels import VelocityChannels as VelocityChannels
from ifux.kinematics.resting import RestingKinematics as RestingKinematics
